/** The proxy in this process, on a kernel with IPVS, while the number of Services grows; `services.ts` runs it in a VM. */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { openKernel } from '@podroute/kernel/open.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { createServiceProxy, type ObjectProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { median, report } from './report.ts'
import { type Counts, counting } from './services-counts.ts'
import { benchService, benchSlice, NODE } from './services-objects.ts'

const { values: args } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const { json } = args
const SIZES = [100, 1000, 5000, 30_000]
const CHANGES = 60

interface Measured {
  readonly elapsed: number
  /** Of it, what virtual servers and destinations alone took, in milliseconds: what `ipvsadm -R` does, too. */
  readonly ipvs: number
  /** Median, in milliseconds. */
  readonly change: number
  /** The most messages and nftables transactions of one change. */
  readonly messages: number
  /** Dumps and listings during all changes. */
  readonly lists: number
}

function freshNetns(name: string): string {
  removeNetns(name)
  createNetns(name)
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  execFileSync('ip', ['-n', name, 'addr', 'add', `${NODE.address}/24`, 'dev', 'lo'])
  return name
}

async function grow(proxy: ObjectProxy, counts: Counts, from: number, to: number): Promise<Measured> {
  const objects = Array.from(
    { length: to - from },
    (_, index) => [benchService(from + index), benchSlice(from + index)] as const,
  )
  const ipvs = counts.ipvs
  const started = performance.now()
  for (const [service, slice] of objects) {
    proxy.upsertService(service)
    proxy.upsertSlice(slice)
  }
  // The first time.
  await proxy.synced()
  while (!isInPlace(proxy, to)) await proxy.flush()
  const elapsed = performance.now() - started
  const failed = Object.values(proxy.stats()).reduce((sum, table) => sum + table.failed, 0)
  if (failed > 0) throw new Error(`${failed} operations failed`)
  return { elapsed, ipvs: counts.ipvs - ipvs, ...(await change(proxy, counts)) }
}

function isInPlace(proxy: ObjectProxy, services: number): boolean {
  const stats = proxy.stats()
  if (stats['virtual-servers']!.desired !== services) return false
  return Object.values(stats).every(({ desired, applied }) => desired === applied)
}

async function change(proxy: ObjectProxy, counts: Counts) {
  const times: number[] = []
  let messages = 0
  const { lists } = counts
  for (let round = 1; round <= CHANGES; round++) {
    const slice = benchSlice(5, round)
    const before = counts.messages
    const at = performance.now()
    proxy.upsertSlice(slice)
    await proxy.flush()
    times.push(performance.now() - at)
    messages = Math.max(messages, counts.messages - before)
  }
  return { change: median(times), messages, lists: counts.lists - lists }
}

/** The same virtual servers and destinations by `ipvsadm -R`, without addresses and rules. */
function measureIpvsadm(services: number): number {
  const netns = freshNetns('pr-bench-ipvsadm')
  const lines: string[] = []
  for (let index = 0; index < services; index++) {
    const server = `${benchService(index).spec?.clusterIP}:80`
    lines.push(`-A -t ${server} -s rr`)
    for (const endpoint of benchSlice(index).endpoints ?? []) {
      lines.push(`-a -t ${server} -r ${endpoint.addresses?.[0]}:8080 -m -w 1`)
    }
  }
  const started = performance.now()
  execFileSync('ip', ['netns', 'exec', netns, 'ipvsadm', '-R'], { input: `${lines.join('\n')}\n` })
  const elapsed = performance.now() - started
  removeNetns(netns)
  return elapsed
}

function reportGrowth(ours: ReadonlyMap<number, Measured>, ipvsadm: number): void {
  const at = (size: number) => ours.get(size)!
  const name = (what: string) => `services: ${what}`
  const ratio = (value: number) => ({ kind: 'ratio', value }) as const
  const all = ratio(1)
  const parts = { 'first sync in the process': at(1000).elapsed, 'IPVS part of it': at(1000).ipvs }
  for (const [what, value] of Object.entries(parts)) {
    report(
      { name: name(`${what}, 100 to 1,000 (ipvsadm -R)`), unit: 'ms', ours: value, peer: ipvsadm },
      { json },
    )
  }
  const small = at(100)
  for (const size of SIZES) {
    const { change, messages, lists, elapsed } = at(size)
    const bound = size === 30_000 ? { goal: ratio(1.3) } : {}
    const figures = [
      {
        name: `one endpoint's change at ${size} (100)`,
        unit: 'ms',
        ours: change,
        peer: small.change,
        ...bound,
      },
      {
        name: `messages of it at ${size} (100)`,
        unit: 'msg',
        ours: messages,
        peer: small.messages,
        goal: all,
      },
      {
        name: `listings during changes at ${size}`,
        unit: 'list',
        ours: lists,
        goal: { kind: 'max', value: 0 } as const,
      },
      { name: `growing to ${size}`, unit: 'ms', ours: elapsed },
    ]
    for (const figure of figures) report({ ...figure, name: name(figure.name) }, { json })
  }
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const netns = freshNetns('pr-bench-ours')
  stack.defer(async () => removeNetns(netns))
  const { kernel, counts } = counting(stack.use(openKernel({ netns })))
  // Without draining, which looks at the connections of what goes once a second, whatever changes meanwhile.
  const options = { nodeName: NODE.name, nodeAddresses: [NODE.address], kernel, coalesce: 0, drain: 0 }
  // The look at the whole of the kernel is measured apart.
  const proxy = stack.use(createServiceProxy({ ...options, auditPause: 3_600_000 }))
  await proxy.start()
  await grow(proxy, counts, 0, 10)
  const ours = new Map<number, Measured>()
  let before = 10
  for (const size of SIZES) {
    ours.set(size, await grow(proxy, counts, before, size))
    before = size
  }
  reportGrowth(ours, median([1, 2, 3].map(() => measureIpvsadm(900))))
}

await main()
process.exit(0)
