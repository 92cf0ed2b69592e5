import { expect } from 'chai'
import { nodesPage, peersPage, routesPage } from './pages.ts'
import type { RouteSnapshot } from './route-sources/route-report.ts'
import type { NamedPeer } from './snapshot.ts'
import type { KeyReport } from './status.ts'

const report = (more: Partial<KeyReport>): KeyReport => ({
  ...{ name: 'node-2', kind: 'node', podCIDRs: ['10.244.2.0/24'], addresses: ['172.30.0.12'] },
  ...{ state: 'in-place', for: 90_000, reasons: [] },
  ...more,
})
const rowOf = (more: Partial<KeyReport>) => {
  const page = nodesPage(() => [report(more)])
  return page.tables(page.data())[0]?.rows[0]
}

describe('podroute nodes', () => {
  it('shows each Node with since when it is reached', () => {
    expect(rowOf({})).to.deep.equal([
      'node-2',
      'node',
      '10.244.2.0/24',
      '172.30.0.12',
      'in-place',
      '1m30s',
      '',
    ])
  })

  it('shows who reflects for others, and who has others do it', () => {
    expect(rowOf({ role: 'reflector' })?.[1]).to.equal('node, reflector')
    expect(rowOf({ kind: 'this node', role: 'client' })?.[1]).to.equal('this node, client')
  })

  it('shows every reason why one is not', () => {
    const reasons = ['no BGP session with 172.30.0.12', '10.244.2.0/24 is kept from before']
    expect(rowOf({ state: 'pending', for: undefined, reasons })?.slice(4)).to.deep.equal([
      'pending',
      '',
      'no BGP session with 172.30.0.12; 10.244.2.0/24 is kept from before',
    ])
  })
})

const peer: NamedPeer = {
  ...{ name: '192.0.2.1', address: '192.0.2.1', remoteAddress: '192.0.2.1', kind: 'external', asn: 65000 },
  ...{
    state: 'established',
    uptime: 90_000,
    routerId: '192.0.2.1',
    localAddress: '192.0.2.11',
    holdTime: 90,
  },
  ...{ families: ['ipv4-unicast'], endOfRib: [], lastDown: undefined },
  counters: {
    ...{ messagesReceived: 1, messagesSent: 2, updatesReceived: 3, updatesSent: 4, established: 1 },
    ...{ prefixesReceived: 5, prefixesAccepted: 6, prefixesAdvertised: 7, byFamily: [], rejected: {} },
    ...{ treatedAsWithdraw: 0, attributesDiscarded: 0 },
  },
}
const capabilities: NonNullable<NamedPeer['capabilities']> = {
  ...{ fourOctetAs: true, routeRefresh: true, enhancedRefresh: false, extendedMessages: false },
  ...{ addPathReceive: [], addPathSend: [] },
  gracefulRestart: { time: 120, restarting: false, notification: false, forwarding: [] },
}

describe('podroute peers', () => {
  /** BFD, RESTART and LAST DOWN. */
  const endOf = (more: Partial<NamedPeer>) => {
    const page = peersPage(() => [{ ...peer, ...more }])
    return page.tables(page.data())[0]?.rows[0]?.slice(9)
  }

  it('shows what a node is to this one', () => {
    const rowOf = (more: Partial<NamedPeer>) => {
      const page = peersPage(() => [{ ...peer, ...more }])
      return page.tables(page.data())[0]?.rows[0]?.slice(0, 5)
    }
    expect(rowOf({})).to.deep.equal(['192.0.2.1', '192.0.2.1', '65000', '', 'established'])
    expect(rowOf({ meshRole: 'reflector' })?.[3]).to.equal('reflector')
  })

  it('shows whether the path is watched, and whether the peer is a helper of restarts', () => {
    expect(endOf({})).to.deep.equal(['', '', ''])
    const bfd = { state: 'up', downs: 0, lastDown: undefined } as const
    expect(endOf({ bfd, capabilities })).to.deep.equal(['up', '120s', ''])
    const gracefulRestart = { time: 120, restarting: false, notification: true, forwarding: [] }
    const longLived = { 'ipv4-unicast': 3600 } as const
    const all = { ...capabilities, gracefulRestart, longLived }
    expect(endOf({ capabilities: all })?.[1]).to.equal('120s errors +3600s')
  })

  it('shows what is kept of one that is away, and why it is', () => {
    const lastDown = { kind: 'notification-received', code: 6, subcode: 2, text: 'Cease' } as const
    const away = { state: 'active', stale: ['ipv4-unicast'], lastDown } as const
    expect(endOf(away)).to.deep.equal(['', 'stale', 'received Cease'])
    expect(endOf({ ...away, longLivedStale: ['ipv4-unicast'] })?.[1]).to.equal('long-lived stale')
  })
})

describe('podroute routes', () => {
  const rows = (...routes: readonly RouteSnapshot[]) => {
    const page = routesPage(() => routes)
    return page.tables(page.data())[0]?.rows
  }

  it('shows every next hop of a route, and of whom it was learned', () => {
    const gateways = ['172.30.0.100', '172.30.0.101']
    const fields = { destination: '198.51.100.0/24', gateway: gateways[0]!, gateways, node: '', detail: '' }
    expect(rows({ ...fields, state: 'installed', from: ['172.30.0.100', 'tor-2'] })).to.deep.equal([
      ['198.51.100.0/24', '172.30.0.100 172.30.0.101', '', 'installed', '172.30.0.100 tor-2', ''],
    ])
  })

  it('shows the rule that refuses one', () => {
    const fields = { destination: '172.30.0.0/24', gateway: '', gateways: [], node: '' }
    expect(rows({ ...fields, state: 'refused', from: ['node-2'], detail: 'connected' })).to.deep.equal([
      ['172.30.0.0/24', '', '', 'refused', 'node-2', 'connected'],
    ])
  })
})
