/** The proxy without a kernel, so that what grows with the cluster shows past what a VM holds: messages are counted, not sent. */
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import type { ProxyKernel } from '@podroute/service-proxy/proxy-kernel.ts'
import { createServiceProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { median, report } from './report.ts'
import { benchService, benchSlice, NODE } from './services-objects.ts'

const SIZES = [1000, 10_000, 100_000]
const CHANGES = 200

interface Simulated {
  readonly firstSync: number
  /** Median, in milliseconds. */
  readonly change: number
  readonly messages: number
  readonly lists: number
}

interface Counts {
  messages: number
  lists: number
}

/** Says yes to everything; the base rules, which are written before the first Service, are kept. */
function yesKernel(counts: Counts): ProxyKernel {
  const fake = new FakeKernel()
  const yes = async (ops: readonly unknown[]) => {
    counts.messages += ops.length
    return ops.map(() => null)
  }
  const none = async () => {
    counts.lists++
    return []
  }
  const noTable = async function* () {
    counts.lists++
    yield new Map()
  }
  return {
    ipvs: { servers: none, destinations: none, table: noTable, apply: yes },
    routes: { list: none, get: async () => undefined, apply: yes },
    nft: {
      async run(script) {
        counts.messages++
        if (!script.includes(' element ')) await fake.nft.run(script)
      },
      async writeElements() {
        counts.messages++
      },
      async writeStructure(table, changes) {
        counts.messages++
        await fake.nft.writeStructure(table, changes)
      },
      async elements(table, set) {
        counts.lists++
        return fake.nft.elements(table, set)
      },
      counts: (table, set) => fake.nft.counts(table, set),
      async listJson(command) {
        counts.lists++
        return fake.nft.listJson(command)
      },
      baseChains: () => fake.nft.baseChains(),
      commentedRules: (chain) => fake.nft.commentedRules(chain),
      async show(command) {
        counts.lists++
        return fake.nft.show(command)
      },
      generation: () => fake.nft.generation(),
    },
    sysctls: fake.sysctls,
    links: fake.links,
    changes: fake.changes,
    flows: fake.flows,
    boundPorts: () => fake.boundPorts(),
    listen: (port, answer) => fake.listen(port, answer),
    hostAddresses: () => fake.hostAddresses(),
    legacyForward: (family) => fake.legacyForward(family),
    loadModules: (names) => fake.loadModules(names),
  }
}

async function simulate(services: number): Promise<Simulated> {
  const counts: Counts = { messages: 0, lists: 0 }
  await using proxy = createServiceProxy({
    nodeName: NODE.name,
    nodeAddresses: [NODE.address],
    kernel: yesKernel(counts),
    coalesce: 0,
    // Nothing else is to happen meanwhile.
    auditPause: 3_600_000,
  })
  await proxy.start()
  const started = performance.now()
  for (let index = 0; index < services; index++) {
    proxy.upsertService(benchService(index))
    proxy.upsertSlice(benchSlice(index))
  }
  await proxy.synced()
  const firstSync = performance.now() - started
  const times: number[] = []
  const before = { ...counts }
  for (let round = 1; round <= CHANGES; round++) {
    const slice = benchSlice(5, round)
    const at = performance.now()
    proxy.upsertSlice(slice)
    await proxy.flush()
    times.push(performance.now() - at)
  }
  return {
    firstSync,
    change: median(times),
    messages: (counts.messages - before.messages) / CHANGES,
    lists: counts.lists - before.lists,
  }
}

/** Prints how one endpoint's change costs among 100,000 Services against among 1,000. */
export async function reportSimulated(json: boolean): Promise<void> {
  await simulate(100)
  const bySize = new Map<number, Simulated>()
  for (const size of SIZES) bySize.set(size, await simulate(size))
  const [small, large] = [bySize.get(SIZES[0]!)!, bySize.get(SIZES.at(-1)!)!]
  const name = (what: string) => `services, no kernel: ${what}, 100,000 against 1,000`
  const ratio = (value: number) => ({ kind: 'ratio', value }) as const
  const figures = [
    {
      name: name("an endpoint's change"),
      unit: 'ms',
      ours: large.change,
      peer: small.change,
      goal: ratio(1.3),
    },
    {
      name: name('messages a change'),
      unit: 'msg',
      ours: large.messages,
      peer: small.messages,
      goal: ratio(1),
    },
    {
      name: 'services, no kernel: listings during changes',
      unit: 'list',
      ours: large.lists,
      goal: { kind: 'max', value: 0 } as const,
    },
    ...[...bySize].map(([size, { firstSync }]) => ({
      name: `services, no kernel: first sync of ${size} x 5`,
      unit: 'ms',
      ours: firstSync,
    })),
  ]
  for (const figure of figures) report(figure, { json })
}
