import type { ReservedHolder } from '@podroute/feature/reserved-addresses.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { createServiceProxy, type ObjectProxy } from './testing/object-proxy.ts'
import { type SliceEndpoint, service, slice } from './testing/objects.ts'

const RUNS = 100
const CHANGES = 60

/** Few enough that all kinds of claims meet at the same ones. */
const ADDRESSES = ['10.96.0.1', '10.96.0.2', '192.0.2.2', '192.0.2.11', '192.0.2.12', '198.51.100.7']
const ENDPOINTS = ['10.244.1.2', '10.244.1.3', '10.244.2.2']
const HOLDERS: readonly ReservedHolder[] = ['api-server', 'configured-api-server', 'gateway', 'resolver']
const NAMES = ['a', 'b', 'c']

/** One input of a proxy; of those with the same name the last counts. */
interface Input {
  readonly name: string
  give(proxy: ObjectProxy, kernel: FakeProxyKernel): void
}

function randomInput(random: () => number): Input {
  const some = <T>(of: readonly T[]): T[] => of.filter(() => random() < 0.4)
  const name = pick(random, NAMES)
  const addresses = some(ADDRESSES)
  const prefixes = some(['10.244.0.0/16', '198.51.100.0/24'])
  const holder = pick(random, HOLDERS)
  const year = 2020 + NAMES.indexOf(name) * Math.round(random())
  const endpoints = ENDPOINTS.filter(() => random() < 0.7).map((address): SliceEndpoint => {
    const ready = random() < 0.5
    // Two slices may say two things of one endpoint.
    const nodeName = pick(random, ['node', 'other'])
    return { addresses: [address], nodeName, conditions: { ready, serving: true, terminating: !ready } }
  })
  const suffix = pick(random, ['', '-x'])
  const object = service(
    name,
    {
      type: 'LoadBalancer',
      clusterIP: pick(random, ADDRESSES),
      externalIPs: some(ADDRESSES),
      externalTrafficPolicy: pick(random, ['Cluster', 'Local']),
      ports: [{ port: 80, nodePort: 30080 + NAMES.indexOf(name), protocol: 'TCP' }],
    },
    {
      metadata: { name, namespace: 'test', creationTimestamp: `${year}-01-01T00:00:00Z` },
      status: { loadBalancer: { ingress: addresses.map((ip) => ({ ip })) } },
    },
  )
  // What puts an object in place stands twice, so that there are more than there are gone.
  return pick<Input>(random, [
    { name: 'node', give: (proxy) => proxy.setNodeAddresses(addresses) },
    { name: 'cluster', give: (proxy) => proxy.setClusterAddresses(addresses) },
    { name: 'interfaces', give: (_, kernel) => kernel.setAddresses(...addresses) },
    { name: 'pods', give: (proxy) => proxy.setPodCIDRs(prefixes) },
    { name: `reserved ${holder}`, give: (proxy) => proxy.setReservedAddresses(holder, addresses) },
    { name: `service ${name}`, give: (proxy) => proxy.upsertService(object) },
    { name: `service ${name}`, give: (proxy) => proxy.upsertService(object) },
    { name: `service ${name}`, give: (proxy) => proxy.deleteService(`test/${name}`) },
    { name: `slice ${name}${suffix}`, give: (proxy) => proxy.upsertSlice(sliceOf(name, suffix, endpoints)) },
    { name: `slice ${name}${suffix}`, give: (proxy) => proxy.upsertSlice(sliceOf(name, suffix, endpoints)) },
    { name: `slice ${name}${suffix}`, give: (proxy) => proxy.deleteSlice(`test/${name}${suffix}-4`) },
  ])
}

function sliceOf(name: string, suffix: string, endpoints: readonly SliceEndpoint[]) {
  return slice(name, endpoints, undefined, suffix)
}

async function setup(): Promise<{ proxy: ObjectProxy; kernel: FakeProxyKernel; clock: ManualClock }> {
  const clock = new ManualClock()
  const kernel = new FakeProxyKernel()
  const options = { nodeName: 'node', nodeAddresses: [], externalRanges: ['192.0.2.0/24'] }
  // Drains are a matter of time, and of what was there before.
  const proxy = createServiceProxy({ ...options, kernel, clock, random: () => 0.5, drain: 0 })
  await proxy.start()
  return { proxy, kernel, clock }
}

async function settle({ proxy, clock }: { proxy: ObjectProxy; clock: ManualClock }): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await clock.advance(100)
    await proxy.flush()
  }
}

/** What the kernel holds, and what is said of the objects. */
function outcome({ proxy, kernel }: { proxy: ObjectProxy; kernel: FakeProxyKernel }) {
  const servers = [...kernel.table].map(([key, { server }]) => [key, server, kernel.endpoints(key)])
  return {
    servers: servers.sort(),
    routes: [...kernel.routeTable.values()]
      .map(({ destination, source }) => `${destination} ${source}`)
      .sort(),
    sets: [...kernel.sets].map(([name]) => [name, kernel.elements(name)]).sort(),
    problems: proxy
      .problems()
      .map(({ code, object, detail }) => `${code} ${object} ${detail}`)
      .sort(),
  }
}

describe('what addresses, Services and slices lead to', () => {
  const seed = testSeed()

  it(`is what their last state says, whatever came before it (SEED=${seed})`, async function () {
    this.timeout(60_000)
    const random = seeded(seed)
    for (let run = 0; run < RUNS; run++) {
      const old = await setup()
      if (random() < 0.5) await old.proxy.synced()
      const last = new Map<string, Input>()
      for (let change = 0; change < CHANGES; change++) {
        const input = randomInput(random)
        input.give(old.proxy, old.kernel)
        last.set(input.name, input)
        if (random() < 0.3) await old.clock.advance(30)
      }
      await old.proxy.synced()
      await settle(old)
      const fresh = await setup()
      // In another order than they came in.
      for (const input of [...last.values()].reverse()) input.give(fresh.proxy, fresh.kernel)
      await fresh.proxy.synced()
      await settle(fresh)
      expect(outcome(old), `run ${run}`).to.deep.equal(outcome(fresh))
      await old.proxy.close()
      await fresh.proxy.close()
    }
  })
})
