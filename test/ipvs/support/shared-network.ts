/** One network for all files that send traffic: setting it up takes longer than most of what is tested in it. */
import { openKernel } from '@podroute/kernel/open.ts'
import type { ServiceProxyOptions } from '@podroute/service-proxy/options.ts'
import { createServiceProxy, type ObjectProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { makeNetwork, type Network, NODE, POD_CIDRS } from './network.ts'

let network: Promise<Network> | undefined

/** Whoever uses it leaves no rules, routes and virtual servers behind. */
export function sharedNetwork(): Promise<Network> {
  network ??= makeNetwork('services')
  return network
}

/** A proxy of the node that knows of no Service yet; the stack's end takes what it put there away. */
export async function startProxy(
  stack: AsyncDisposableStack,
  { namespace }: Network,
  options: Partial<ServiceProxyOptions> = {},
): Promise<ObjectProxy> {
  const kernel = stack.use(openKernel({ netns: namespace }))
  const proxy = stack.use(
    createServiceProxy({
      nodeName: 'node',
      nodeAddresses: [NODE.v4, NODE.v6],
      podCIDRs: POD_CIDRS,
      kernel,
      ...options,
    }),
  )
  stack.defer(async () => void (await proxy.cleanup()))
  await proxy.start()
  await proxy.synced()
  return proxy
}

after(async () => (await network)?.[Symbol.asyncDispose]())
