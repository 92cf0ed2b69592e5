/** Finds out which addresses the node needs of others, so that no Service takes them. */
import type { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import type { Logger } from '../log.ts'
import { HostNetwork, type HostNetworkKernel } from './host-network.ts'
import { followResolvers } from './resolvers.ts'

const RESOLV_CONF = '/etc/resolv.conf'

/** Those of the API server come from the answers that it gives, and from the node's files: see api-server.ts. @throws KernelError */
export function followReserved(
  reserved: ReservedAddresses,
  kernel: HostNetworkKernel,
  log: Logger,
): Disposable {
  const stack = new DisposableStack()
  stack.use(followResolvers(RESOLV_CONF, (found) => reserved.replace('resolver', found)))
  const network = HostNetwork.open(
    kernel,
    ({ gateways, broadcasts }) => {
      reserved.replace('gateway', gateways)
      reserved.replace('broadcast', broadcasts)
    },
    log,
  )
  stack.use(network)
  return stack
}
