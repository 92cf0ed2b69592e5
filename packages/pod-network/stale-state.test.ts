import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { InterfaceAddress } from '@podroute/kernel/addresses/bridge-address-resource.ts'
import { type ElementKey, elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { Claims } from '@podroute/reconcile/claims.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { MemoryResource } from '@podroute/reconcile/testing/memory-resource.ts'
import { expect } from 'chai'
import { ClusterNodes } from './nodes/cluster-nodes.ts'
import { BgpRoutes } from './route-sources/bgp.ts'
import type { RouteGuard } from './route-sources/route-guard.ts'
import { StaleState } from './stale-state.ts'
import { testNode } from './testing/fixtures.ts'

const route = (destination: string, gateway: string) =>
  ({ destination, gateway, family: 4, type: 'unicast' }) as Route

/** Nothing is refused. */
const GUARD: RouteGuard = {
  ...{ protected: [], apiServers: [], ownAddresses: new Set() },
  ...{ isNodeAddress: () => false, isVip: () => false, isExternal: () => false },
  clusterConflict: () => undefined,
}

function interfaceAddress(text: string): InterfaceAddress {
  const [address = '', length] = text.split('/')
  return { address, prefixLength: Number(length) }
}

const local = testNode(1)

function setup(nodes: readonly ClusterNode[], left: { readonly [table: string]: readonly string[] }) {
  const logged: { readonly message: string; readonly fields: LogFields }[] = []
  const say = (message: string, fields: LogFields = {}) => void logged.push({ message, fields })
  const log: Logger = { debug: say, info: say, warn: say, error: say }
  const resources = {
    routes: new MemoryResource<string, Route>('routes'),
    addresses: new MemoryResource<string, InterfaceAddress>('addresses'),
    masquerade: new MemoryResource<ElementKey, SetElement>('masquerade'),
    discards: new MemoryResource<string, Route>('discards'),
    formerRules: new MemoryResource<string, string>('former-rules'),
  }
  for (const text of left.routes ?? []) {
    const [destination = '', gateway = ''] = text.split(' via ')
    resources.routes.state.set(destination, route(destination, gateway))
  }
  for (const text of left.addresses ?? []) resources.addresses.state.set(text, interfaceAddress(text))
  for (const text of left.masquerade ?? []) {
    const [set = '', element = ''] = text.split(' ')
    resources.masquerade.state.set(elementKey({ set, element }), { set, element })
  }
  for (const text of left.formerRules ?? []) resources.formerRules.state.set(text, text)
  const tables = {
    routes: new Table(resources.routes),
    addresses: new Table(resources.addresses),
    masquerade: new Table(resources.masquerade),
    discards: new Table(resources.discards),
    formerRules: new Table(resources.formerRules),
  }
  const clusterNodes = new ClusterNodes('node-1')
  for (const node of nodes) clusterNodes.set(node)
  const bgpRoutes = new BgpRoutes({
    ...{ claims: new Claims(tables.routes), guard: GUARD, log, now: () => 0 },
    reach: { hopsTo: (gateway) => [{ gateway }], maxPaths: () => 1 },
    keepFor: () => 120_000,
  })
  const stale = new StaleState({ tables, nodes: clusterNodes, bgpRoutes, log, cni: true })
  const all = Object.values(tables)
  return {
    ...{ stale, logged, tables },
    adopt: async () => {
      for (const table of all) await table.adopt()
    },
    left: async () => {
      for (const table of all) await table.flush()
      return Object.values(resources).flatMap(({ state }) => [...state.keys()])
    },
  }
}

describe('the stale state of an earlier run', () => {
  it('holds the routes to pods of Nodes, through their own addresses or routers, and sweeps all others', async () => {
    const nodes = [local, testNode(2), testNode(3)]
    const { stale, adopt, left } = setup(nodes, {
      routes: [
        '10.244.2.0/24 via 172.30.0.12',
        '10.244.3.0/24 via 172.30.0.12',
        'fd10:244:0:2::/64 via fd30::1',
        '10.244.4.0/24 via 172.30.0.14',
        'fd10:244:0:3::/64 via fd30::13',
      ],
    })
    await adopt()
    stale.retainRoutes()
    stale.sweep(local)
    expect(await left()).to.have.members(['10.244.2.0/24', 'fd10:244:0:2::/64', 'fd10:244:0:3::/64'])
  })

  it('is swept of everything that nobody wants, once, and counted', async () => {
    const { stale, adopt, left, logged, tables } = setup([local], {
      routes: ['10.244.2.0/24 via 172.30.0.12'],
      addresses: ['10.244.9.1/24', '10.244.1.1/24'],
      masquerade: ['pods-4 10.244.9.0/24'],
      formerRules: ['inet podroute'],
    })
    tables.addresses.set('10.244.1.1/24', interfaceAddress('10.244.1.1/24'))
    await adopt()
    expect(await left()).to.have.length(5)
    expect(stale.swept).to.equal(false)
    stale.sweep(local)
    expect(stale.swept).to.equal(true)
    expect(await left()).to.deep.equal(['10.244.1.1/24'])
    stale.sweep(local)
    expect(logged).to.deep.equal([
      { message: 'stale state of an earlier run is removed', fields: { count: 4 } },
    ])
  })

  it('stays while the own Node lacks its prefixes or its addresses, and goes when it has them', async () => {
    const { stale, adopt, left, logged } = setup([local], { addresses: ['10.244.9.1/24'] })
    await adopt()
    for (const without of [{ podCIDRs: [] }, { internalIPs: [] }]) stale.sweep(testNode(1, without))
    expect([stale.swept, (await left()).length, logged.length]).to.deep.equal([false, 1, 0])
    stale.sweep(local)
    expect([stale.swept, (await left()).length, logged.length]).to.deep.equal([true, 0, 1])
  })

  it('that is none is swept without a word', async () => {
    const { stale, adopt, logged } = setup([local], {})
    await adopt()
    stale.sweep(local)
    expect([stale.swept, logged]).to.deep.equal([true, []])
  })
})
