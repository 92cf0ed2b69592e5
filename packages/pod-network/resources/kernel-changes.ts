/** One rtnetlink subscription for everything in this package that follows the kernel. */
import type { NetlinkOptions } from '@podroute/linux/netlink/socket.ts'
import { routeFilter } from '@podroute/linux/route/filter.ts'
import { type RouteHandlers, watchRoutes } from '@podroute/linux/route/monitor.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import type { Logger } from '@podroute/reconcile/log.ts'

export class KernelChanges implements Disposable {
  readonly #subscribers = new Set<Partial<RouteHandlers>>()
  readonly #monitor: Disposable

  private constructor(log: Logger, options: NetlinkOptions) {
    this.#monitor = watchRoutes(
      {
        onRoute: (change, route) => this.#each((s) => s.onRoute?.(change, route)),
        onLink: (change, link) => this.#each((s) => s.onLink?.(change, link)),
        onAddress: (change, address) => this.#each((s) => s.onAddress?.(change, address)),
        onOverrun: () => {
          log.warn('kernel announcements were lost')
          this.#each((s) => s.onOverrun?.())
        },
        onError: (error) => log.error('handling a kernel announcement failed', { error: error.message }),
      },
      // The VIPs of the service proxy are in the local one.
      { ...options, filter: routeFilter({ table: TABLE_MAIN }) },
    )
  }

  /** @throws KernelError */
  static open(log: Logger, options: NetlinkOptions = {}): KernelChanges {
    return new KernelChanges(log, options)
  }

  subscribe(handlers: Partial<RouteHandlers>): Disposable {
    this.#subscribers.add(handlers)
    return { [Symbol.dispose]: () => void this.#subscribers.delete(handlers) }
  }

  [Symbol.dispose](): void {
    this.#subscribers.clear()
    this.#monitor[Symbol.dispose]()
  }

  #each(tell: (subscriber: Partial<RouteHandlers>) => void): void {
    for (const subscriber of this.#subscribers) tell(subscriber)
  }
}
