import { expect } from 'chai'
import { OwnChanges } from './own-changes.ts'

const TABLE = 'inet podroute-toys'

describe('own changes of chains and rules', () => {
  const work = async () => {}

  it('are told from those of others by their number', async () => {
    const own = new OwnChanges()
    await own.announced(`add chain ${TABLE} c\nflush chain ${TABLE} c\n`, work)
    expect([own.isOurs(TABLE), own.isOurs(TABLE)]).to.deep.equal([true, false])
  })

  it('are not expected of elements, nor of what failed', async () => {
    const own = new OwnChanges()
    await own.announced(`add element ${TABLE} s { 10.0.0.1 }\n`, work)
    const failed = own.announced(`delete map ${TABLE} m\n`, () => Promise.reject(new Error('no')))
    expect(await failed.catch(({ message }: Error) => message)).to.equal('no')
    expect(own.isOurs(TABLE)).to.equal(false)
  })

  it('are forgotten where announcements may have been missed', async () => {
    const own = new OwnChanges()
    await own.announced(`add map ${TABLE} m { type mark : mark; }\n`, work)
    own.forget()
    expect(own.isOurs(TABLE)).to.equal(false)
  })

  it('of one table are not taken for those of another', async () => {
    const own = new OwnChanges()
    await own.announced(
      `add table ${TABLE}\nadd rule ${TABLE} c accept\nadd table inet podroute-ghosts\n`,
      work,
    )
    expect(own.isOurs('inet podroute-others')).to.equal(false)
    expect([own.isOurs('inet podroute-ghosts'), own.isOurs(TABLE), own.isOurs(TABLE)]).to.deep.equal([
      true,
      true,
      false,
    ])
  })
})
