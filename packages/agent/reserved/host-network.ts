/** What of the node's own network no Service may have: the gateways of its routes, and the addresses that mean a whole network. */
import { formatAddress, maskBytes, parseAddress } from '@podroute/address/address.ts'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { gatewaysOf } from '@podroute/kernel/routes/next-hops.ts'
import type { Address } from '@podroute/linux/route/addresses.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import type { Logger } from '../log.ts'

export type HostNetworkKernel = Pick<Kernel, 'routes' | 'addresses' | 'changes'>

export interface HostNetworkState {
  readonly gateways: readonly string[]
  readonly broadcasts: readonly string[]
}

/**
 * Listed anew after each change that matters; podroute's own routes, of which there may be very many, do not
 * count: their next hops are nodes and routers that are known without them.
 */
export class HostNetwork implements Disposable {
  readonly #stack = new DisposableStack()
  readonly #kernel: HostNetworkKernel
  readonly #changed: (state: HostNetworkState) => void
  readonly #log: Logger
  /** Interfaces of routes with a gateway: IPv4 routes go without a word when theirs goes. */
  #interfaces: ReadonlySet<number> = new Set()
  #reading = false
  #again = false

  private constructor(kernel: HostNetworkKernel, changed: (state: HostNetworkState) => void, log: Logger) {
    this.#kernel = kernel
    this.#changed = changed
    this.#log = log
    const read = () => this.#read()
    const following = kernel.changes.subscribe({
      onRoute: (_change, { protocol }) => {
        if (protocol !== ROUTE_PROTOCOL) read()
      },
      onOverrun: read,
      onAddress: (_change, { family, interfaceIndex }) => {
        if (family === 4 || this.#interfaces.has(interfaceIndex)) read()
      },
      onLink: (_change, { index }) => {
        if (this.#interfaces.has(index)) read()
      },
    })
    this.#stack.use(following)
  }

  /** Tells the state soon, and again when it may be another. @throws KernelError */
  static open(
    kernel: HostNetworkKernel,
    changed: (state: HostNetworkState) => void,
    log: Logger,
  ): HostNetwork {
    const network = new HostNetwork(kernel, changed, log)
    network.#read()
    return network
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  /** Changes that come while it reads are one more reading after it. */
  #read(): void {
    this.#again = this.#reading
    if (this.#reading) return
    this.#reading = true
    this.#list()
      .catch((error: unknown) => {
        if (!this.#stack.disposed) this.#log.warn('the routes of the node could not be read', { error })
      })
      .finally(() => {
        this.#reading = false
        if (this.#again && !this.#stack.disposed) this.#read()
      })
  }

  async #list(): Promise<void> {
    const routes = await this.#kernel.routes.list({ notProtocol: ROUTE_PROTOCOL })
    const addresses = await this.#kernel.addresses.list({ family: 4 })
    const indirect = routes.filter((route) => gatewaysOf(route).length > 0)
    this.#interfaces = new Set(indirect.flatMap(interfacesOf))
    this.#changed({
      gateways: distinct(indirect.flatMap((route) => [...gatewaysOf(route)])),
      broadcasts: distinct(addresses.flatMap(networkAddresses)),
    })
  }
}

function interfacesOf({ interfaceIndex, nextHops = [] }: Route): number[] {
  const several = nextHops.flatMap((hop) => hop.interfaceIndex ?? [])
  return interfaceIndex === undefined ? several : [interfaceIndex, ...several]
}

/** The first and the last address of an IPv4 network; networks of two addresses or one have neither (RFC 3021). */
function networkAddresses({ address, prefixLength }: Pick<Address, 'address' | 'prefixLength'>): string[] {
  if (prefixLength > 30) return []
  const first = maskBytes(parseAddress(address), prefixLength)
  const last = first.map((byte, index) => {
    const hostBits = Math.min(8, Math.max(0, 8 * (index + 1) - prefixLength))
    return byte | (2 ** hostBits - 1)
  })
  return [formatAddress(first), formatAddress(last)]
}

function distinct(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses)].sort()
}
