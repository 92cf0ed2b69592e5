/** The fake kernel under the contracts that the real one keeps: test/ipvs and test/netns run them there. */
import { describeResource } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import type { Route } from '../kernel.ts'
import { ROUTE_PROTOCOL } from '../route-protocol.ts'
import { RouteResource } from '../routes/route-resource.ts'
import { FakeKernel } from './fake-kernel.ts'
import {
  describeDestinations,
  describeLocalRoutes,
  describeVirtualServers,
  NO_SCHEDULER,
} from './resource-contracts.ts'
import { describeSysctls } from './sysctl-contract.ts'

function freshKernel(): FakeKernel {
  const kernel = new FakeKernel()
  kernel.ipvs.missingSchedulers.add(NO_SCHEDULER)
  return kernel
}

describeVirtualServers('virtual servers of the fake kernel', freshKernel)
describeDestinations('destinations of the fake kernel', freshKernel)
describeLocalRoutes('local routes of the fake kernel', freshKernel)
describeSysctls('sysctls of the fake kernel', freshKernel)

const OURS = { table: 254, protocol: ROUTE_PROTOCOL }
const NOBODY = '192.0.2.1'

function route(destination: string, gateway: string): Route {
  const family = destination.includes(':') ? 6 : 4
  return { family, destination, gateway, ...OURS, scope: 0, type: 'unicast' }
}

describeResource(
  'routes of the fake kernel',
  () => {
    const { routes, changes } = freshKernel()
    routes.unreachable.add(NOBODY)
    return new RouteResource(routes, { ...OURS, changes })
  },
  {
    entries: [route('10.1.0.0/24', '192.0.2.12'), route('fd01::/64', '2001:db8::12')].map(
      (r) => [r.destination, r] as const,
    ),
    replacement: route('10.1.0.0/24', '192.0.2.99'),
    refused: ['10.9.0.0/24', route('10.9.0.0/24', NOBODY)],
  },
)

const ways = (destination: string, ...gateways: readonly string[]): Route => {
  const { gateway, ...rest } = route(destination, '')
  return { ...rest, nextHops: gateways.map((text) => ({ gateway: text })) }
}

describeResource(
  'routes by several next hops of the fake kernel',
  () => {
    const { routes, changes } = freshKernel()
    routes.unreachable.add(NOBODY)
    return new RouteResource(routes, { ...OURS, changes })
  },
  {
    entries: [
      ways('10.1.0.0/24', '192.0.2.12', '192.0.2.13'),
      ways('fd01::/64', '2001:db8::12', '2001:db8::13'),
    ].map((r) => [r.destination, r] as const),
    replacement: ways('10.1.0.0/24', '192.0.2.13', '192.0.2.14', '192.0.2.15'),
    refused: ['10.9.0.0/24', ways('10.9.0.0/24', '192.0.2.12', NOBODY)],
  },
)

const discards = (destination: string): Route => {
  const { gateway, ...rest } = route(destination, '')
  return { ...rest, type: 'blackhole', priority: 1_000_000 }
}

describeResource(
  'routes that discard of the fake kernel, beside others',
  async () => {
    const { routes, changes } = freshKernel()
    await routes.apply([{ kind: 'add', route: route('10.1.0.0/16', '192.0.2.12') }])
    return new RouteResource(routes, { ...OURS, type: 'blackhole', changes }, 'discards')
  },
  {
    entries: [discards('10.1.0.0/16'), discards('fd01::/48')].map((r) => [r.destination, r] as const),
    replacement: discards('10.1.0.0/16'),
  },
)

describe("the fake kernel's routes", () => {
  it('leave those of others and of other tables alone', async () => {
    const { routes } = freshKernel()
    const ours = route('10.1.0.0/24', '192.0.2.12')
    const others = { ...ours, protocol: 4 }
    const elsewhere = { ...ours, table: 100 }
    const add = [others, elsewhere].map((r) => ({ kind: 'add', route: r }) as const)
    expect(await routes.apply(add)).to.deep.equal([null, null])
    const [taken, notOurs] = await routes.apply([
      { kind: 'add', route: ours },
      { kind: 'remove', route: ours },
    ])
    expect(taken).to.include({ code: 'EEXIST' })
    expect(notOurs).to.include({ code: 'ESRCH' })
    expect(await routes.list({ table: 254 })).to.deep.equal([others])
    expect(await routes.list({ notProtocol: 4 })).to.deep.equal([elsewhere])
  })
})
