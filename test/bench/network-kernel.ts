/** Learned routes on their way into the kernel, beside `ip -batch`, and an agent that starts on what is there already. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { RouteResource } from '@podroute/kernel/routes/route-resource.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { TestNetns } from '../netns/linux-support.ts'
import type { NetworkCase, Say } from './network-case.ts'
import { median } from './report.ts'

const COUNT = 1000
const ROUNDS = 15

const GATEWAYS = { 4: '172.31.0.12', 6: 'fd31::12' } as const

const destination = (family: 4 | 6, n: number) =>
  family === 4 ? `10.${100 + (n >> 8)}.${n & 255}.0/24` : `fd10:244:${(n + 1).toString(16)}::/64`

const routesOf = (family: 4 | 6) =>
  Array.from({ length: COUNT }, (_, n): Route => {
    const place = { table: TABLE_MAIN, protocol: ROUTE_PROTOCOL, scope: 0, type: 'unicast' } as const
    return { family, destination: destination(family, n), gateway: GATEWAYS[family], ...place }
  })

/** In a namespace with an uplink; `ip -batch` runs there beside it. */
async function kernelRoutes(say: Say): Promise<void> {
  using netns = await TestNetns.create('bench-network')
  await netns.veth('eth0', '172.31.0.11/24', 'fd31::11/64')
  for (const family of [4, 6] as const) await compare(netns, family, say)
}

async function compare(netns: TestNetns, family: 4 | 6, say: Say): Promise<void> {
  const routes = routesOf(family)
  const ours: number[] = []
  const peer: number[] = []
  let writes = 0
  // In turns, so that what else the machine does falls on both. The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const table = newTable(netns)
    const added = await time(async () => {
      for (const route of routes) table.set(route.destination, route)
      await table.flush()
    })
    writes += await restartWrites(netns, routes)
    await table.clear()
    const theirs = await time(() => ipBatch(netns.name, 'add', routes))
    await ipBatch(netns.name, 'del', routes)
    if (round > 0) {
      ours.push(added)
      peer.push(theirs)
    }
  }
  const name = `${COUNT} IPv${family} routes into the kernel`
  say({ name, unit: 'ms', ours: median(ours), peer: median(peer), goal: { kind: 'ratio', value: 1 } })
  const goal = { kind: 'max', value: 0 } as const
  say({ name: `restart with ${COUNT} unchanged IPv${family} routes`, unit: 'write', ours: writes, goal })
}

function newTable(netns: TestNetns): Table<string, Route> {
  return new Table(new RouteResource(netns.routes, { table: TABLE_MAIN, protocol: ROUTE_PROTOCOL }))
}

/** What a table writes that takes over the routes and wants the same ones. */
async function restartWrites(netns: TestNetns, routes: readonly Route[]): Promise<number> {
  const table = newTable(netns)
  await table.adopt()
  for (const route of routes) table.set(route.destination, { ...route })
  const swept = table.sweep()
  return (await table.flush()).applied + swept
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function ipBatch(netns: string, verb: 'add' | 'del', routes: readonly Route[]): Promise<void> {
  const lines = routes.map((route) => `route ${verb} ${route.destination} via ${route.gateway} proto 179`)
  const child = spawn('ip', ['-n', netns, '-batch', '-'], { stdio: ['pipe', 'ignore', 'inherit'] })
  child.stdin.end(`${lines.join('\n')}\n`)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`ip -batch ended with ${code}`)
}

export const KERNEL_ROUTES: NetworkCase = { name: 'kernel-routes', run: kernelRoutes }
