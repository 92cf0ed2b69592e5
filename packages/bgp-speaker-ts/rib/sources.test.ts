import { expect } from 'chai'
import { BgpError } from '../errors.ts'
import type { SourceInfo } from './source.ts'
import { Sources } from './sources.ts'

const source: SourceInfo = {
  kind: 'ebgp',
  address: '192.0.2.1',
  remote: '192.0.2.1',
  zone: undefined,
  routerId: 1,
  client: false,
}

describe('sources of paths', () => {
  it('have an index each, after that of our own routes', () => {
    const sources = new Sources(1)
    expect([sources.add(source).index, sources.add(source).index]).to.deep.equal([1, 2])
  })

  it('keep it when they retire, until they are forgotten; then another gets it', () => {
    const sources = new Sources(1)
    const [first] = [sources.add(source), sources.add(source)]
    sources.retire(first!)
    expect(sources.add(source).index).to.equal(3)
    sources.forget()
    expect(sources.all[1]).to.equal(undefined)
    expect([sources.add(source).index, sources.add(source).index]).to.deep.equal([1, 4])
  })

  it('have the bytes of an address, and none of what is not one', () => {
    const sources = new Sources(1)
    expect([...sources.add(source).addressBytes]).to.deep.equal([192, 0, 2, 1])
    expect(sources.add({ ...source, remote: 'fe80::1%eth0' }).addressBytes).to.have.length(16)
    expect(sources.add({ ...source, remote: '' }).addressBytes).to.have.length(0)
  })

  it('are no more than an index of 16 bits can tell apart', () => {
    const sources = new Sources(1)
    for (let i = 1; i < 0xffff; i++) sources.add(source)
    expect(() => sources.add(source))
      .to.throw(BgpError)
      .with.property('code', 'too-many-peers')
  })
})
