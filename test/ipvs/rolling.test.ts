import { setTimeout as pause } from 'node:timers/promises'
import type { Kernel } from '@podroute/service-proxy/kernel.ts'
import { openKernel } from '@podroute/service-proxy/open-kernel.ts'
import { createServiceProxy, type ServiceProxy } from '@podroute/service-proxy/proxy.ts'
import { type SliceEndpoint, service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import type { Load, Network } from './support/network.ts'
import { A4, B4, C4, D4, NODE, POD_CIDRS } from './support/network.ts'
import { sharedNetwork } from './support/shared-network.ts'

const PODS = [A4, B4, C4, D4]
const ROLLS = 20

describe('under load', () => {
  const stack = new AsyncDisposableStack()
  let network: Network
  let kernel: Kernel
  let proxy: ServiceProxy

  const web = service('web', {
    type: 'NodePort',
    clusterIPs: ['10.96.0.20'],
    ports: [{ port: 80, nodePort: 30020, protocol: 'TCP' }],
  })
  const makeProxy = () =>
    createServiceProxy({
      nodeName: 'node',
      nodeAddresses: [NODE.v4, NODE.v6],
      podCIDRs: POD_CIDRS,
      kernel,
    })
  const leaving = (address: string): SliceEndpoint => ({
    addresses: [address],
    conditions: { ready: false, serving: true, terminating: true },
  })

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    kernel = stack.use(openKernel({ netns: network.namespace }))
    proxy = makeProxy()
    stack.defer(async () => {
      await proxy.cleanup()
      await proxy.close()
    })
    await proxy.start()
    proxy.upsertService(web)
    proxy.upsertSlice(slice('web', PODS.slice(0, 2)))
    await proxy.synced()
  })
  after(() => stack.disposeAsync())

  /** Through the ClusterIP from a pod, and through the NodePort from outside, while `work` goes on. */
  async function underLoad(milliseconds: number, work: () => Promise<void>): Promise<readonly Load[]> {
    const loads = [
      network.podB.load('10.96.0.20', 80, milliseconds),
      network.client.load(NODE.v4, 30020, milliseconds),
    ]
    await work()
    return Promise.all(loads)
  }

  function expectNoFailure(loads: readonly Load[]): void {
    for (const load of loads) {
      expect(load.failed, load.first).to.equal(0)
      // An emulated machine answers few: what counts is that none is lost.
      expect(load.answered).to.be.greaterThan(10)
    }
  }

  it(`${ROLLS} rolling updates lose no request`, async () => {
    const loads = await underLoad(8000, async () => {
      for (let roll = 0; roll < ROLLS; roll++) {
        const [gone, kept, next] = [0, 1, 2].map((step) => PODS[(roll + step) % PODS.length]!)
        proxy.upsertSlice(slice('web', [leaving(gone!), kept!, next!]))
        await pause(150)
        proxy.upsertSlice(slice('web', [kept!, next!]))
        await pause(200)
      }
    })
    expectNoFailure(loads)
  })

  it('a proxy that ends without a word, and the next one, lose no request either', async () => {
    const loads = await underLoad(5000, async () => {
      for (let restart = 0; restart < 3; restart++) {
        await pause(500)
        await proxy.close()
        proxy = makeProxy()
        await proxy.start()
        proxy.upsertService(web)
        const pods = [0, 1].map((step) => PODS[(restart + step) % PODS.length]!)
        proxy.upsertSlice(slice('web', pods))
        await proxy.synced()
        expect(proxy.snapshot()[0]?.frontends[0]?.endpoints).to.have.length(2)
      }
    })
    expectNoFailure(loads)
  })
})
