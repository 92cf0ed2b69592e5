/** Finds out which addresses the node needs of others, so that no Service takes them. */
import { lookup } from 'node:dns/promises'
import type { ServerCandidate } from '@podroute/cluster/api/servers.ts'
import type { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import type { Logger } from '../log.ts'
import { addressesOfHosts, configuredHosts } from './api-server.ts'
import { HostNetwork } from './host-network.ts'
import { followResolvers } from './resolvers.ts'

const RESOLV_CONF = '/etc/resolv.conf'

export interface ReservedSources {
  readonly servers: readonly ServerCandidate[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
}

/** Those of the API server itself come from the answers that it gives: see api-server.ts. @throws KernelError */
export function followReserved(
  reserved: ReservedAddresses,
  { servers, env, log }: ReservedSources,
): Disposable {
  const stack = new DisposableStack()
  stack.use(followResolvers(RESOLV_CONF, (found) => reserved.replace('resolver', found)))
  const network = HostNetwork.open(({ gateways, broadcasts }) => {
    reserved.replace('gateway', gateways)
    reserved.replace('broadcast', broadcasts)
  }, log)
  stack.use(network)
  const urls = servers.flatMap(({ kubeConfig }) => kubeConfig.getCurrentCluster()?.server ?? [])
  const hosts = configuredHosts(urls, env.KUBERNETES_SERVICE_HOST)
  addressesOfHosts(hosts, (name) => lookup(name, { all: true })).then(
    (found) => reserved.replace('configured-api-server', found),
    (error: unknown) => log.warn('the API server’s names could not be looked up', { error }),
  )
  return stack
}
