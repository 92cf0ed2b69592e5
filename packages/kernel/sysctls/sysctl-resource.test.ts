import { Table } from '@podroute/reconcile/table.ts'
import { listed } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import { FakeSysctls } from '../testing/fake-sysctls.ts'
import { SysctlResource } from './sysctl-resource.ts'

const FORWARD = 'net/ipv4/ip_forward'
const FILTER = 'net/ipv4/conf/all/rp_filter'

describe('sysctls as a Resource', () => {
  const writes: string[] = []
  let sysctls: FakeSysctls
  beforeEach(() => {
    writes.length = 0
    sysctls = new FakeSysctls({ onWrite: (message) => void writes.push(message) })
    sysctls.put(FILTER, '1')
  })

  it('are written in order, and one that the kernel lacks fails alone', async () => {
    const names = [FORWARD, 'net/bridge/no_such_thing', FILTER]
    const ops = names.map((key) => ({ kind: 'add', key, value: '2' }) as const)
    const outcomes = await new SysctlResource(sysctls).apply(ops)
    expect(outcomes.map(({ ok }) => ok)).to.deep.equal([true, false, true])
    expect((outcomes[1] as { error: NodeJS.ErrnoException }).error.code).to.equal('ENOENT')
    expect(writes).to.deep.equal([`${FORWARD}=2`, `${FILTER}=2`])
  })

  it('are ours once they are set, until they are given up, with the value that they have then', async () => {
    const resource = new SysctlResource(sysctls)
    expect([...(await listed(resource))]).to.deep.equal([])
    await resource.apply([{ kind: 'add', key: FORWARD, value: '1' }])
    expect([...(await listed(resource))]).to.deep.equal([[FORWARD, '1']])
    expect(await resource.apply([{ kind: 'remove', key: FORWARD, previous: '1' }])).to.deep.equal([
      { ok: true },
    ])
    expect([...(await listed(resource))]).to.deep.equal([])
    expect(sysctls.read(FORWARD)).to.equal('1')
  })

  it('that are named are ours from the start: what is right already is not written', async () => {
    const table = new Table(new SysctlResource(sysctls, [FORWARD, FILTER, 'net/ipv4/no_such_thing']))
    await table.adopt()
    table.set(FORWARD, '1')
    table.set(FILTER, '1')
    expect(table.pending().map(({ key }) => key)).to.deep.equal([FORWARD])
    await table.flush()
    expect(writes).to.deep.equal([`${FORWARD}=1`])
  })

  it('are put back by an audit', async () => {
    const table = new Table(new SysctlResource(sysctls))
    table.set(FORWARD, '1')
    await table.flush()
    sysctls.put(FORWARD, '0')
    expect(await table.audit()).to.have.length(1)
    await table.flush()
    expect(sysctls.read(FORWARD)).to.equal('1')
  })
})
