import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { FakeProxyKernel } from '../testing/fake-proxy-kernel.ts'
import { createServiceProxy, type ObjectProxy } from '../testing/object-proxy.ts'
import { service, slice } from '../testing/objects.ts'

const RUNS = 60
const CHANGES = 40
const NAMES = ['a', 'b', 'c']
/** Few enough that Services meet at the same ones. */
const ADDRESSES = ['10.96.0.1', '10.96.0.2', '198.51.100.7']
const ENDPOINTS = ['10.244.1.2', '10.244.2.2', '10.244.2.3']

/** One object, or that there is none; of those with the same name the last counts. */
interface Input {
  readonly name: string
  give(proxy: ObjectProxy): void
}

function randomInput(random: () => number): Input {
  const name = pick(random, NAMES)
  const object = service(
    name,
    {
      ...{ type: 'LoadBalancer', clusterIP: pick(random, ADDRESSES), externalIPs: [pick(random, ADDRESSES)] },
      externalTrafficPolicy: pick(random, ['Cluster', 'Local']),
    },
    { metadata: { creationTimestamp: `202${NAMES.indexOf(name)}-01-01T00:00:00Z` } },
  )
  const endpoints = ENDPOINTS.filter(() => random() < 0.6)
  return pick<Input>(random, [
    { name: `service ${name}`, give: (proxy) => proxy.upsertService(object) },
    { name: `service ${name}`, give: (proxy) => proxy.deleteService(`test/${name}`) },
    { name: `slice ${name}`, give: (proxy) => proxy.upsertSlice(slice(name, endpoints)) },
  ])
}

async function setup() {
  const clock = new ManualClock()
  const kernel = new FakeProxyKernel()
  const options = { nodeName: 'node', nodeAddresses: ['192.0.2.11'], externalRanges: ['198.51.100.0/24'] }
  const proxy = createServiceProxy({ ...options, kernel, clock, random: () => 0.5 })
  await proxy.start()
  await proxy.synced()
  return { clock, kernel, proxy }
}

function held({ kernel }: { readonly kernel: FakeProxyKernel }) {
  return {
    servers: [...kernel.table]
      .map(([key, { server }]) => [key, server.scheduler, kernel.endpoints(key), kernel.draining(key)])
      .sort(),
    routes: [...kernel.routeTable.keys()].sort(),
    sets: [...kernel.sets].map(([name]) => [name, kernel.elements(name)]).sort(),
  }
}

describe('Services that are deleted while clients are connected', () => {
  /** The first once left the address of a virtual server for clients outside, which no plan named any more. */
  for (const seed of [500615, testSeed()])
    it(`leave nothing behind in the end, whatever came in between (SEED=${seed})`, async function () {
      this.timeout(60_000)
      const random = seeded(seed)
      for (let run = 0; run < RUNS; run++) {
        const old = await setup()
        const last = new Map<string, Input>()
        for (let change = 0; change < CHANGES; change++) {
          for (const address of ENDPOINTS)
            old.kernel.connections.set(`${address}:8080`, random() < 0.5 ? 1 : 0)
          const input = randomInput(random)
          input.give(old.proxy)
          last.set(input.name, input)
          if (random() < 0.5) await old.clock.advance(Math.floor(random() * 4000))
        }
        // Some connections never end.
        await old.clock.advance(random() < 0.5 ? 33_000 : 60_000)
        const fresh = await setup()
        for (const input of last.values()) input.give(fresh.proxy)
        await fresh.clock.advance(1000)
        expect(held(old), `run ${run}`).to.deep.equal(held(fresh))
        await old.proxy.close()
        await fresh.proxy.close()
      }
    })

  it('stay for an open connection, and go at once where all wait in TIME_WAIT', async () => {
    for (const [kind, left] of [
      ['connections', 1],
      ['inactive', 0],
    ] as const) {
      const { clock, kernel, proxy } = await setup()
      proxy.upsertService(service('a', { clusterIP: '10.96.0.1' }))
      proxy.upsertSlice(slice('a', ['10.244.1.2']))
      await clock.advance(1000)
      expect(kernel.table.size).to.equal(1)
      kernel.ipvs[kind].set('10.244.1.2:8080', 1)
      proxy.deleteService('test/a')
      await clock.advance(1000)
      expect(kernel.table.size, kind).to.equal(left)
      await proxy.close()
    }
  })
})
