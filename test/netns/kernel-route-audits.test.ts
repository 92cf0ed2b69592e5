/** Routes that quick audits do not list, because the kernel tells of nearly each change; and what it tells of none is found all the same. */
import { openKernel } from '@podroute/kernel/open.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { RouteResource } from '@podroute/kernel/routes/route-resource.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { eventually } from '../support/eventually.ts'
import { TestNetns } from './linux-support.ts'

const OURS = { table: TABLE_MAIN, protocol: ROUTE_PROTOCOL }
const GATEWAYS = { 4: ['172.31.0.12', '172.31.0.13'], 6: ['fd31::12', 'fd31::13'] } as const

function routeTo(destination: string, ways = 1): Route {
  const family = destination.includes(':') ? 6 : 4
  const [gateway] = GATEWAYS[family]
  const by = ways === 1 ? { gateway } : { nextHops: GATEWAYS[family].map((each) => ({ gateway: each })) }
  return { family, destination, ...OURS, scope: 0, type: 'unicast', ...by }
}

describe('audits of routes', () => {
  let netns: TestNetns
  let stack: DisposableStack
  let lists: number
  let table: Table<string, Route>

  beforeEach(async () => {
    netns = await TestNetns.create('route-audits')
    stack = new DisposableStack()
    await netns.veth('eth0', '172.31.0.11/24', 'fd31::11/64')
    const kernel = stack.use(openKernel({ netns: netns.path }))
    lists = 0
    const list = (filter: Parameters<typeof kernel.routes.list>[0]) => {
      lists++
      return kernel.routes.list(filter)
    }
    const { changes, nextHops } = kernel
    table = new Table(new RouteResource({ ...kernel.routes, list }, { ...OURS, changes, nextHops }))
    stack.use(table.watch())
    await put(routeTo('10.244.2.0/24'), routeTo('fd10:244:0:2::/64'))
    await settled()
  })
  afterEach(() => {
    stack.dispose()
    netns[Symbol.dispose]()
  })

  const ip = (...words: readonly string[]) => run('ip', ['-n', netns.name, ...words])
  const put = async (...routes: readonly Route[]) => {
    for (const route of routes) table.set(route.destination, route)
    await table.flush()
  }
  /** How often a quick audit lists routes. */
  const listed = async () => {
    const before = lists
    await table.audit({ quick: true })
    await table.flush()
    return lists - before
  }
  /** The kernel has told of what was done until now. */
  const settled = () => eventually(async () => (await listed()) === 0)
  const there = async () =>
    (await Promise.all(['-4', '-6'].map((family) => ip(family, 'route', 'show', 'proto', '179')))).join('')

  it('list none while only routes change, ours and those of others', async () => {
    await ip('route', 'add', '198.51.100.0/24', 'dev', 'eth0')
    await put(routeTo('10.244.3.0/24'))
    expect(await listed()).to.equal(0)
    await ip('route', 'del', '10.244.3.0/24')
    await eventually(async () => {
      await table.flush()
      return (await there()).includes('10.244.3.0/24')
    })
    expect(await listed()).to.equal(0)
    expect(await there())
      .to.include('10.244.2.0/24')
      .and.to.include('fd10:244:0:2::/64')
  })

  it('find what went with its interface, of which the kernel says nothing', async () => {
    await ip('link', 'set', 'eth0', 'down')
    await ip('link', 'set', 'eth0', 'up')
    await ip('address', 'replace', 'fd31::11/64', 'dev', 'eth0', 'nodad')
    expect(await there()).to.not.include('10.244.2.0/24')
    await eventually(async () => {
      await listed()
      return (await there()).includes('10.244.2.0/24')
    })
    await settled()
  })

  it('list all where a route has a group of next hops, which goes with them without a word', async () => {
    await put(routeTo('10.244.4.0/24', 2))
    for (let i = 0; i < 3; i++) expect(await listed()).to.be.greaterThan(0)
    await ip('nexthop', 'flush')
    expect(await there()).to.not.include('10.244.4.0/24')
    await eventually(async () => {
      await listed()
      return (await there()).includes('10.244.4.0/24')
    })
    table.delete('10.244.4.0/24')
    await table.flush()
    await settled()
  })

  it('list all where nobody follows the announcements', async () => {
    stack.dispose()
    stack = new DisposableStack()
    const kernel = stack.use(openKernel({ netns: netns.path }))
    const resource = new RouteResource(kernel.routes, OURS)
    expect(await resource.revision()).to.equal(undefined)
  })
})
