/** Flows over several next hops, while next hops come and go: the kernel itself says which one it takes for a flow. */
import { openKernel } from '@podroute/kernel/open.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { RouteResource } from '@podroute/kernel/routes/route-resource.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import { podNetwork } from '@podroute/pod-network/feature.ts'
import type { Op } from '@podroute/reconcile/resource.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { type TestedNode, testNode } from './kernel-support.ts'

const FLOWS = 64
const OURS = { table: TABLE_MAIN, protocol: ROUTE_PROTOCOL, scope: 0, type: 'unicast' } as const

const FAMILIES = {
  IPv4: {
    family: 4,
    destination: '198.51.100.0/24',
    to: '198.51.100.1',
    gateway: (n: number) => `172.31.0.${n}`,
  },
  IPv6: {
    family: 6,
    destination: '2001:db8:9::/64',
    to: '2001:db8:9::1',
    gateway: (n: number) => `fd31::${n}`,
  },
} as const

for (const [name, { family, destination, to, gateway }] of Object.entries(FAMILIES)) {
  describe(`flows over several next hops of ${name}`, () => {
    let test: TestedNode
    let resource: RouteResource
    let there: Route | undefined

    const route = (...ways: readonly number[]): Route => {
      const base = { ...OURS, family, destination }
      return ways.length === 1
        ? { ...base, gateway: gateway(ways[0]!) }
        : { ...base, nextHops: ways.map((n) => ({ gateway: gateway(n) })) }
    }
    const apply = async (op: Op<string, Route>) => {
      const [outcome] = await resource.apply([op])
      expect(outcome).to.deep.equal({ ok: true })
    }
    const go = async (...ways: readonly number[]) => {
      const value = route(...ways)
      await apply(
        there
          ? { kind: 'replace', key: destination, value, previous: there }
          : { kind: 'add', key: destination, value },
      )
      there = value
      const listed = await listOf()
      expect(listed).to.have.length(1)
      expect(resource.equal(listed[0]!, value)).to.equal(true)
    }
    const listOf = async () => {
      const found: Route[] = []
      for await (const page of resource.list()) for (const [, one] of page) found.push(one)
      return found
    }
    const inside = async (...command: string[]) => run('ip', ['netns', 'exec', test.netns.name, ...command])
    /** The gateway of each flow, by its source port. */
    const flows = async () => {
      const lines = Array.from(
        { length: FLOWS },
        (_, i) => `route get ${to} ipproto udp sport ${1000 + i} dport 7007`,
      )
      const stdout = await run('ip', ['-n', test.netns.name, '-batch', '-'], {
        input: `${lines.join('\n')}\n`,
      })
      const found = [...stdout.matchAll(/ via (\S+)/g)].map(([, one]) => one!)
      expect(found).to.have.length(FLOWS)
      return found
    }
    const objects = async () => (await inside('ip', 'nexthop')).split('\n').filter(Boolean).length

    beforeEach(async () => {
      test = await testNode(`flows-${family}`)
      await inside('sysctl', '-qw', `net.ipv${family}.fib_multipath_hash_policy=1`)
      const { routes, nextHops, changes } = test
      resource = new RouteResource(routes, { ...OURS, nextHops, changes })
      there = undefined
    })
    afterEach(() => test[Symbol.asyncDispose]())

    it('stay where they are when another next hop goes, and while it comes back', async () => {
      await go(1, 2, 3)
      const before = await flows()
      expect(new Set(before).size).to.equal(3)
      await go(2, 3)
      const without = await flows()
      expect(new Set(without)).to.deep.equal(new Set([gateway(2), gateway(3)]))
      const moved = before.filter((way, i) => way !== gateway(1) && without[i] !== way)
      expect(moved).to.deep.equal([])
      await go(3)
      expect(new Set(await flows()).size).to.equal(1)
    })

    it('are moved by the kernel where the route names the ways itself', async () => {
      const { routes } = test
      resource = new RouteResource(routes, OURS)
      await go(1, 2, 3)
      const before = await flows()
      await go(2, 3)
      const without = await flows()
      expect(before.filter((way, i) => way !== gateway(1) && without[i] !== way)).not.to.deep.equal([])
    })

    it('leave no next hop behind with their route, nor those of an agent before', async () => {
      await go(1, 2, 3)
      expect(await objects()).to.equal(4)
      await go(1, 2)
      expect(await objects()).to.equal(3)
      const { routes, nextHops, changes } = test
      resource = new RouteResource(routes, { ...OURS, nextHops, changes })
      const [adopted] = await listOf()
      expect(adopted?.nextHopId).to.be.a('number')
      await apply({ kind: 'remove', key: destination, previous: adopted! })
      expect(await listOf()).to.deep.equal([])
      expect(await objects()).to.equal(0)
    })

    it('get their ways again after somebody removed the group', async () => {
      await go(1, 2)
      await inside('ip', 'nexthop', 'flush', 'proto', String(ROUTE_PROTOCOL))
      expect(await listOf()).to.deep.equal([])
      there = undefined
      await go(1, 2)
      expect(await objects()).to.equal(3)
    })

    it('go by the ways of the route where the kernel has no such groups', async () => {
      const { routes, changes } = test
      const refused = Object.assign(new Error('none'), { code: 'EOPNOTSUPP' })
      const nextHops = {
        list: async () => [],
        apply: async (ops: readonly unknown[]) => ops.map(() => refused),
      }
      resource = new RouteResource(routes, { ...OURS, nextHops, changes })
      await go(1, 2, 3)
      expect((await listOf())[0]?.nextHopId).to.equal(undefined)
      await go(1, 2)
    })

    it('goes with its objects when podroute is cleaned up', async () => {
      await go(1, 2)
      using kernel = openKernel({ netns: test.netns.name })
      expect(await objects()).to.be.greaterThan(2)
      const { tables } = await podNetwork.leftBehind!(kernel, undefined)
      const routes = tables.find((table) => table.name === 'routes')!
      await routes.adopt()
      routes.sweep()
      await routes.flush()
      expect(await listOf()).to.deep.equal([])
      expect(await objects()).to.equal(0)
    })
  })
}
