/** What 10,000 routes, a link's removal and a transaction cost, and how long the event loop stands still for them: `node test/netns/linux-bench.ts`. */
import { execFileSync } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Nft } from '@podroute/linux/nft/nft.ts'
import type { Route, RouteOp } from '@podroute/linux/route/routes.ts'
import { TestNetns } from './linux-support.ts'

const COUNT = 10_000
const RUNS = 7

interface Sample {
  readonly time: number
  readonly longestStop: number
}

/** Milliseconds that `work` takes, and the longest that a 1 ms timer came late meanwhile. */
async function measure(work: () => Promise<unknown>): Promise<Sample> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await new Promise((resolve) => setTimeout(resolve, 20))
  delay.reset()
  const started = performance.now()
  await work()
  const time = performance.now() - started
  delay.disable()
  return { time, longestStop: delay.count > 0 ? delay.max / 1e6 : 0 }
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0

function print(name: string, samples: readonly Sample[], note = ''): void {
  const time = median(samples.map((sample) => sample.time)).toFixed(1)
  const stop = median(samples.map((sample) => sample.longestStop)).toFixed(1)
  process.stdout.write(
    `${name.padEnd(34)} ${time.padStart(8)} ms   event loop stops for ${stop.padStart(6)} ms${note}\n`,
  )
}

const destination4 = (i: number) => `10.${100 + (i >> 8)}.${i & 255}.0/24`
const destination6 = (i: number) => `fd10:${i.toString(16)}::/64`
const base = { table: 254, protocol: 179, scope: 0, type: 'unicast' } as const
const routes4 = Array.from({ length: COUNT }, (_, i): Route => {
  return { ...base, family: 4, destination: destination4(i), gateway: '10.0.0.2' }
})
const routes6 = Array.from({ length: COUNT }, (_, i): Route => {
  return { ...base, family: 6, destination: destination6(i), gateway: 'fd00::2' }
})
const ops = (kind: RouteOp['kind'], routes: readonly Route[]) =>
  routes.map((route): RouteOp => ({ kind, route }))

const netns = await TestNetns.create('bench')
await netns.veth('v0', '10.0.0.1/24', 'fd00::1/64')

for (const [family, routes] of [
  [4, routes4],
  [6, routes6],
] as const) {
  const samples = {
    add: [] as Sample[],
    list: [] as Sample[],
    replace: [] as Sample[],
    remove: [] as Sample[],
  }
  for (let run = 0; run < RUNS; run++) {
    samples.add.push(await measure(() => netns.routes.apply(ops('add', routes))))
    samples.list.push(await measure(() => netns.routes.list({ protocol: 179, family })))
    samples.replace.push(await measure(() => netns.routes.apply(ops('replace', routes))))
    samples.remove.push(await measure(() => netns.routes.apply(ops('remove', routes))))
  }
  for (const [name, taken] of Object.entries(samples)) print(`${name} ${COUNT} IPv${family} routes`, taken)
}

const batch = (verb: string) =>
  routes4.map((route) => `route ${verb} ${route.destination} via 10.0.0.2`).join('\n')
const peer: Sample[] = []
for (let run = 0; run < RUNS; run++) {
  for (const verb of ['add', 'del']) {
    const started = performance.now()
    execFileSync('ip', ['-n', netns.name, '-batch', '-'], { input: batch(verb) })
    const time = performance.now() - started
    if (verb === 'add') peer.push({ time, longestStop: time })
  }
}
print(`(ip -batch: add ${COUNT} IPv4 routes)`, peer)

const removals: Sample[] = []
for (let run = 0; run < 20; run++) {
  const index = await netns.veth('v1', '10.7.0.1/24')
  removals.push(await measure(() => netns.links.remove(index)))
}
print('remove a veth pair', removals)

const nft = Nft.open({ netns: netns.path })
await nft.run('add table inet t; add set inet t s { type ipv4_addr . inet_proto . inet_service; }')
const elements = routes4.map(({ destination }) => `${destination.slice(0, -3)} . 6 . 80`).join(', ')
const one: Sample[] = []
for (let run = 0; run < 50; run++)
  one.push(await measure(() => nft.run(`add element inet t s { 10.9.0.${run} . 6 . 80 }`)))
print(`add one set element (${nft.via})`, one)
print(`add ${COUNT} set elements`, [await measure(() => nft.run(`add element inet t s { ${elements} }`))])
nft[Symbol.dispose]()
netns[Symbol.dispose]()
