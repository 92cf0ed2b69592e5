import { expect } from 'chai'
import { IpvsRevisions } from './revisions.ts'

describe('revisions of IPVS', () => {
  let now = 0
  let calls: string[] = []
  let table = 't0'
  let servers = 's0'
  const make = () =>
    new IpvsRevisions({
      table: async () => {
        calls.push('table')
        return table
      },
      servers: async () => {
        calls.push('servers')
        return servers
      },
      now: () => now,
    })
  beforeEach(() => {
    ;[now, calls, table, servers] = [0, [], 't0', 's0']
  })

  it('read the table once for both of one audit, and again for the next', async () => {
    const revisions = make()
    await revisions.servers()
    await revisions.destinations()
    expect(calls).to.deep.equal(['table', 'servers'])
    now = 8000
    await revisions.servers()
    await revisions.destinations()
    expect(calls).to.deep.equal(['table', 'servers', 'table'])
  })

  it('differ at once when the table does, and after four readings when only a flag does', async () => {
    const revisions = make()
    const next = async () => {
      now += 8000
      return [await revisions.servers(), await revisions.destinations()] as const
    }
    const first = await next()
    expect(await next()).to.deep.equal(first)
    table = 't1'
    const second = await next()
    expect(second[0]).to.not.equal(first[0])
    expect(second[1]).to.not.equal(first[1])
    servers = 's1'
    const seen = [await next(), await next()].map(([revision]) => revision)
    expect(seen).to.deep.equal([second[0], 't1 s1'])
  })

  it('read again after a write', async () => {
    const revisions = make()
    await revisions.destinations()
    revisions.written()
    table = 't1'
    expect(await revisions.destinations()).to.equal('t1')
  })
})
