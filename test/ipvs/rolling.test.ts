import { setTimeout as pause } from 'node:timers/promises'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { createServiceProxy, type ObjectProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { type SliceEndpoint, service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import { nothingLost, type Server, serve } from './support/load.ts'
import type { Network } from './support/network.ts'
import { A4, B4, C4, D4, NODE, POD_CIDRS } from './support/network.ts'
import { sharedNetwork } from './support/shared-network.ts'

/** One pod on the node and one on another in each; every roll replaces all of one generation by the other. */
const GENERATIONS = [
  [A4, C4],
  [B4, D4],
] as const
const PORT = 8000
const ROLLS = 20
/** A pod that is deleted ends when nobody came to it for so many milliseconds. */
const QUIET = 300

describe('under 300 requests a second to ClusterIP and NodePort', () => {
  const stack = new AsyncDisposableStack()
  const servers = new Map<string, Server>()
  let network: Network
  let kernel: Kernel
  let proxy: ObjectProxy

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
  const show = (...endpoints: (string | SliceEndpoint)[]) =>
    proxy.upsertSlice(slice('web', endpoints, [{ port: PORT, protocol: 'TCP' }]))

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    kernel = stack.use(openKernel({ netns: network.namespace }))
    proxy = makeProxy()
    stack.defer(async () => {
      for (const server of servers.values()) await server[Symbol.asyncDispose]()
      await proxy.cleanup()
      await proxy.close()
    })
    await proxy.start()
    proxy.upsertService(web)
    await Promise.all(GENERATIONS[0].map(startPod))
    show(...GENERATIONS[0])
    await proxy.synced()
  })
  after(() => stack.disposeAsync())

  async function startPod(address: string): Promise<void> {
    const { namespace } = { [A4]: network.podA, [B4]: network.podB }[address] ?? network.other
    servers.set(address, await serve({ namespace, address, port: PORT }, { name: address, quietMs: QUIET }))
  }

  const underLoad = (work: () => Promise<void>) =>
    nothingLost(network, { clusterIP: '10.96.0.20', nodePort: 30020 }, work)

  /** As a Deployment does it: new pods come first. Old ones go on until the proxy knows: what pods have their grace period for. */
  async function roll(old: readonly [string, string], next: readonly [string, string]): Promise<void> {
    await Promise.all(next.map(startPod))
    show(...old, ...next)
    await proxy.flush()
    show(...old.map(leaving), ...next)
    await proxy.flush()
    await Promise.all(old.map((address) => servers.get(address)!.leave()))
    show(...next)
  }

  it('20 rolling updates of all pods lose no request', async () => {
    await underLoad(async () => {
      for (let done = 0; done < ROLLS; done++) {
        const [old, next] = done % 2 === 0 ? GENERATIONS : GENERATIONS.toReversed()
        await roll(old!, next!)
      }
    })
  })

  it('a proxy that ends without a word, and the next one, lose no request either', async () => {
    await underLoad(async () => {
      for (let restart = 0; restart < 3; restart++) {
        await pause(300)
        await proxy.close()
        proxy = makeProxy()
        await proxy.start()
        proxy.upsertService(web)
        show(...GENERATIONS[0])
        await proxy.synced()
        expect(proxy.snapshot()[0]?.frontends[0]?.endpoints).to.have.length(2)
      }
    })
  })
})
