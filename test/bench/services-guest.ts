/** The service benchmarks themselves; they need a kernel with IPVS, so `services.ts` runs them in a VM. */
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import type { Kernel } from '@podroute/service-proxy/kernel.ts'
import { openKernel } from '@podroute/service-proxy/open-kernel.ts'
import { createServiceProxy } from '@podroute/service-proxy/proxy.ts'
import { median, report } from './report.ts'
import { measureKubeProxy } from './services-kube-proxy.ts'
import { benchService, benchSlice, NODE_ADDRESS, NODE_NAME } from './services-objects.ts'

const { values: args } = parseArgs({
  options: { json: { type: 'boolean' }, 'kube-proxy': { type: 'string' } },
})
const SIZES = [100, 1000, 5000]
const CHANGES = 40
const PEER_CHANGES = 9

interface Measured {
  readonly firstSync: number
  /** Of it, what the virtual servers and destinations alone took: what `ipvsadm -R` does, too. */
  readonly ipvs: number
  /** Median, in milliseconds. */
  readonly change: number
  /** Netlink messages and nftables transactions of one change, dumps and listings included. */
  readonly messages: number
  readonly rss: number
}

function freshNetns(name: string): string {
  removeNetns(name)
  createNetns(name)
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  execFileSync('ip', ['-n', name, 'addr', 'add', `${NODE_ADDRESS}/24`, 'dev', 'lo'])
  return name
}

interface Counts {
  messages: number
  /** Milliseconds spent on changes of virtual servers and destinations. */
  ipvs: number
}

/** Counts what goes to the kernel. */
function counting(kernel: Kernel): { kernel: Kernel; counts: Counts } {
  const counts: Counts = { messages: 0, ipvs: 0 }
  const count = <T>(messages: number, work: T): T => {
    counts.messages += messages
    return work
  }
  return {
    counts,
    kernel: {
      ...kernel,
      ipvs: {
        servers: () => count(1, kernel.ipvs.servers()),
        destinations: (server) => count(1, kernel.ipvs.destinations(server)),
        table: () => count(1, kernel.ipvs.table!()),
        async apply(ops) {
          const started = performance.now()
          const outcomes = await count(ops.length, kernel.ipvs.apply(ops))
          counts.ipvs += performance.now() - started
          return outcomes
        },
      },
      routes: {
        list: (filter) => count(1, kernel.routes.list(filter)),
        apply: (ops) => count(ops.length, kernel.routes.apply(ops)),
      },
      nft: {
        run: (script) => count(1, kernel.nft.run(script)),
        listJson: (command) => count(1, kernel.nft.listJson(command)),
      },
    },
  }
}

async function measureOurs(services: number): Promise<Measured> {
  await using stack = new AsyncDisposableStack()
  const netns = freshNetns('pr-bench-ours')
  stack.defer(async () => removeNetns(netns))
  const { kernel, counts } = counting(stack.use(openKernel({ netns })))
  const objects = Array.from(
    { length: services },
    (_, index) => [benchService(index), benchSlice(index)] as const,
  )
  const started = performance.now()
  const proxy = stack.use(
    createServiceProxy({ nodeName: NODE_NAME, nodeAddresses: [NODE_ADDRESS], kernel, coalesce: 0 }),
  )
  await proxy.start()
  for (const [service, slice] of objects) {
    proxy.upsertService(service)
    proxy.upsertSlice(slice)
  }
  await proxy.synced()
  const firstSync = performance.now() - started
  const { ipvs } = counts
  const failed = Object.values(proxy.stats()).reduce((sum, table) => sum + table.failed, 0)
  if (failed > 0) throw new Error(`${failed} operations failed`)
  const times: number[] = []
  let messages = 0
  for (let round = 1; round <= CHANGES; round++) {
    const slice = benchSlice(5, round)
    const before = counts.messages
    const at = performance.now()
    proxy.upsertSlice(slice)
    await proxy.flush()
    times.push(performance.now() - at)
    messages = Math.max(messages, counts.messages - before)
  }
  return { firstSync, ipvs, change: median(times), messages, rss: process.memoryUsage().rss / 2 ** 20 }
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

async function main(): Promise<void> {
  const json = args.json ?? false
  await measureOurs(10)
  const ours = new Map<number, Measured>()
  for (const size of SIZES) ours.set(size, await measureOurs(size))
  const at = (size: number) => ours.get(size)!
  const ipvsadm = median([1, 2, 3].map(() => measureIpvsadm(1000)))
  // The whole of it, with planning, addresses and rules, and the part of it that ipvsadm does.
  const parts = { 'first sync': at(1000).firstSync, 'IPVS part of it': at(1000).ipvs }
  for (const [name, ours] of Object.entries(parts)) {
    report(
      {
        name: `services: ${name}, 1,000 x 5 (ipvsadm -R)`,
        unit: 'ms',
        ours,
        peer: ipvsadm,
        goal: { kind: 'ratio', value: 1 },
      },
      { json },
    )
  }
  for (const size of [100, 5000]) {
    report(
      { name: `services: one endpoint's change at ${size}`, unit: 'ms', ours: at(size).change },
      { json },
    )
  }
  report(
    {
      name: "services: an endpoint's change, 5,000 against 100",
      unit: 'ms',
      ours: at(5000).change,
      peer: at(100).change,
      goal: { kind: 'ratio', value: 1.3 },
    },
    { json },
  )
  for (const size of [1000, 5000]) {
    report(
      {
        name: `services: messages a change, ${size} against 100`,
        unit: 'msg',
        ours: at(size).messages,
        peer: at(100).messages,
        goal: { kind: 'ratio', value: 1 },
      },
      { json },
    )
  }
  report({ name: 'services: RSS after 5,000 x 5', unit: 'MiB', ours: at(5000).rss }, { json })
  if (!args['kube-proxy']) throw new Error('--kube-proxy PATH is missing')
  const netns = freshNetns('pr-bench-peer')
  const peer = await measureKubeProxy(args['kube-proxy'], netns, 1000, PEER_CHANGES)
  removeNetns(netns)
  report(
    {
      name: "services: an endpoint's change at 1,000 (kube-proxy nft)",
      unit: 'ms',
      ours: at(1000).change,
      peer: median(peer.changes),
      goal: { kind: 'ratio', value: 1 },
    },
    { json },
  )
  report(
    {
      name: 'services: first sync of 1,000 x 5 (kube-proxy nft)',
      unit: 'ms',
      ours: at(1000).firstSync,
      peer: peer.firstSync,
    },
    { json },
  )
}

await main()
process.exit(0)
