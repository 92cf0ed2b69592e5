/**
 * The next hops by which an address is reached from here. One on a network of this node is its own next hop. For one behind a router the
 * kernel refuses it as such, and is asked which router it would send to: that one has to know the way to the pods as well.
 */
import { containsAddress } from '@podroute/address/cidr.ts'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import type { NextHop, Route } from '@podroute/linux/route/route-message.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { InterfaceState } from '../bridge/host-interfaces.ts'

export interface NextHopsOptions {
  readonly kernel: Pick<Kernel, 'routes' | 'changes'>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Logger
  /** As they were read last. */
  interfaces(): Pick<InterfaceState, 'connected' | 'interfaces'>
  /** Addresses have other next hops than they had when they were asked for. */
  changed(): void
}

/** After a route changed, in milliseconds: routes change by many. */
const LOOK_AFTER = 100

export class NextHops implements Disposable {
  readonly #options: NextHopsOptions
  /** Of addresses that are on no network of this node. */
  readonly #found = new Map<string, readonly NextHop[]>()
  /** Addresses whose answer the kernel has still to give. */
  readonly #asked = new Set<string>()
  #subscription: Disposable | undefined
  #timer: Disposable | undefined
  #disposed = false

  constructor(options: NextHopsOptions) {
    this.#options = options
  }

  /** Follows the kernel: routes of others may lead another way. @throws KernelError */
  start(): void {
    this.#subscription = this.#options.kernel.changes.subscribe({
      onRoute: (_change, { protocol }) => {
        if (protocol !== ROUTE_PROTOCOL) this.lookAgain()
      },
      onOverrun: () => this.lookAgain(),
    })
  }

  /** Undefined while the kernel is asked. */
  hopsTo(address: string): readonly NextHop[] | undefined {
    const [plain, zone] = address.split('%') as [string, string?]
    const { interfaces, connected } = this.#options.interfaces()
    if (zone !== undefined) {
      const found = interfaces.find(({ name }) => name === zone)
      return found && [{ gateway: plain, interfaceIndex: found.index }]
    }
    if (connected.some((prefix) => containsAddress(prefix, address))) return [{ gateway: address }]
    const found = this.#found.get(address)
    if (!found) void this.#ask([address])
    return found
  }

  /** The routers that lead to an address; none for one that this node reaches itself. */
  routersTo(address: string): readonly string[] {
    const hops = this.#found.get(address) ?? []
    return hops.flatMap(({ gateway }) => (gateway === undefined || gateway === address ? [] : gateway))
  }

  /** Whether the kernel has answered for all that it was asked. */
  get settled(): boolean {
    return this.#asked.size === 0
  }

  /** Routes or interfaces are others. */
  lookAgain(): void {
    if (this.#found.size === 0 || this.#disposed) return
    this.#timer ??= this.#options.clock.after(LOOK_AFTER, () => {
      this.#timer = undefined
      void this.#ask([...this.#found.keys()])
    })
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#subscription?.[Symbol.dispose]()
    this.#timer?.[Symbol.dispose]()
  }

  async #ask(addresses: readonly string[]): Promise<void> {
    const { kernel, log, changed } = this.#options
    const open = addresses.filter((address) => !this.#asked.has(address))
    for (const address of open) this.#asked.add(address)
    const answers = await Promise.all(
      open.map(async (address) => {
        // What the kernel cannot say it says again, with its reason, when it is to take the route.
        const route = await kernel.routes.get(address).catch((error: Error) => {
          log.warn('the way to an address cannot be looked up', { address, error: error.message })
          return undefined
        })
        return this.#put(address, hopsOf(address, route))
      }),
    )
    for (const address of open) this.#asked.delete(address)
    if (!this.#disposed && answers.includes(true)) changed()
  }

  /** Whether they are others than before. */
  #put(address: string, hops: readonly NextHop[]): boolean {
    const before = this.#found.get(address)
    this.#found.set(address, hops)
    if (JSON.stringify(before) === JSON.stringify(hops)) return false
    const routers = this.routersTo(address)
    if (routers.length > 0) this.#options.log.info('an address is reached by routers', { address, routers })
    return true
  }
}

/** An address behind no router, or one that is not reached at all, stands for itself: the kernel takes it, or says why not. */
function hopsOf(address: string, route: Route | undefined): readonly NextHop[] {
  const ways = route?.nextHops ?? (route ? [route] : [])
  const routers = route?.type === 'unicast' ? ways.filter(({ gateway }) => gateway !== undefined) : []
  return routers.length === 0 ? [{ gateway: address }] : routers.map(hopOf)
}

/** The interface matters for a link-local router only, and is not stable: of others the kernel finds it. */
function hopOf({ gateway = '', interfaceIndex }: Partial<NextHop>): NextHop {
  return gateway.startsWith('fe80:') && interfaceIndex !== undefined
    ? { gateway, interfaceIndex }
    : { gateway }
}
