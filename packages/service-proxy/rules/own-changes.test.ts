import { expect } from 'chai'
import { OwnChanges } from './own-changes.ts'

describe('own changes of chains and rules', () => {
  const work = async () => {}

  it('are told from those of others by their number', async () => {
    const own = new OwnChanges()
    await own.announced('add chain inet podroute c\nflush chain inet podroute c\n', work)
    expect([own.isOurs(), own.isOurs()]).to.deep.equal([true, false])
  })

  it('are not expected of elements, nor of what failed', async () => {
    const own = new OwnChanges()
    await own.announced('add element inet podroute s { 10.0.0.1 }\n', work)
    const failed = own.announced('delete map inet podroute m\n', () => Promise.reject(new Error('no')))
    expect(await failed.catch(({ message }: Error) => message)).to.equal('no')
    expect(own.isOurs()).to.equal(false)
  })

  it('are forgotten where announcements may have been missed', async () => {
    const own = new OwnChanges()
    await own.announced('add map inet podroute m { type mark : mark; }\n', work)
    own.forget()
    expect(own.isOurs()).to.equal(false)
  })
})
