/** Tells the service proxy which addresses the node needs of others, so that no Service takes them. */
import { lookup } from 'node:dns/promises'
import type { ServerCandidate } from '@podroute/cluster/api/servers.ts'
import type { ServiceProxy } from '@podroute/service-proxy/proxy.ts'
import { addressesOfHosts, configuredHosts } from './api-addresses.ts'
import { HostNetwork } from './host-network.ts'
import type { Logger } from './log.ts'
import { followResolvers } from './resolvers.ts'

const RESOLV_CONF = '/etc/resolv.conf'

export interface ReservedSources {
  readonly peers: readonly string[]
  readonly servers: readonly ServerCandidate[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
}

/** Those of the API server itself come from the answers that it gives: see api-addresses.ts. @throws KernelError */
export function followReserved(
  proxy: Pick<ServiceProxy, 'setReservedAddresses'>,
  { peers, servers, env, log }: ReservedSources,
): Disposable {
  const stack = new DisposableStack()
  proxy.setReservedAddresses('bgp-peer', peers)
  stack.use(followResolvers(RESOLV_CONF, (found) => proxy.setReservedAddresses('resolver', found)))
  const network = HostNetwork.open(({ gateways, broadcasts }) => {
    proxy.setReservedAddresses('gateway', gateways)
    proxy.setReservedAddresses('broadcast', broadcasts)
  }, log)
  stack.use(network)
  const urls = servers.flatMap(({ kubeConfig }) => kubeConfig.getCurrentCluster()?.server ?? [])
  const hosts = configuredHosts(urls, env.KUBERNETES_SERVICE_HOST)
  addressesOfHosts(hosts, (name) => lookup(name, { all: true })).then(
    (found) => proxy.setReservedAddresses('configured-api-server', found),
    (error: unknown) => log.warn('the API server’s names could not be looked up', { error }),
  )
  return stack
}
