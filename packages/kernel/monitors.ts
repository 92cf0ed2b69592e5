/** What the kernel announces, for all of the process: one rtnetlink monitor and one of nftables, each open while somebody follows it. */
import type { NetlinkOptions } from '@podroute/linux/netlink/socket.ts'
import { watchNft } from '@podroute/linux/nft/monitor.ts'
import type { Address } from '@podroute/linux/route/addresses.ts'
import { routeFilter } from '@podroute/linux/route/filter.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import { type Change, watchRoutes } from '@podroute/linux/route/monitor.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { type Logger, silent } from '@podroute/reconcile/log.ts'
import type { OwnChanges } from './nft/own-changes.ts'

export interface KernelSubscriber {
  /** But for those that this process wrote itself: a first sync writes thousands. */
  onRoute?(change: Change, route: Route): void
  onLink?(change: Change, link: Link): void
  onAddress?(change: Change, address: Address): void
  /** Somebody else's transaction changed chains, rules or sets of a table, `inet podroute-toys`; elements do not count. */
  onTable?(table: string): void
  /** Announcements were lost: everything that they would have told is to be looked at. */
  onOverrun?(): void
}

export interface KernelChanges {
  subscribe(subscriber: KernelSubscriber): Disposable
}

export interface MonitorsOptions extends NetlinkOptions {
  readonly log?: Logger | undefined
  /** Of this process's transactions. */
  readonly own: OwnChanges
  /** Port of the socket that this process writes routes with. */
  readonly routePort: number
  /** Opens the two monitors. */
  readonly watch?: KernelWatches
}

/** The monitors of the linux package, or what stands in for them. */
export interface KernelWatches {
  routes(...args: Parameters<typeof watchRoutes>): Disposable
  nft(...args: Parameters<typeof watchNft>): Disposable
}

/** A process may end while it listens. */
const KERNEL_WATCHES: KernelWatches = {
  routes: (...args) => watchRoutes(...args).unref(),
  nft: (...args) => watchNft(...args).unref(),
}

/** `lo` is the first interface of every network namespace. */
const LOOPBACK = 1

export class Monitors implements KernelChanges, Disposable {
  readonly #options: MonitorsOptions
  readonly #log: Logger
  readonly #watch: KernelWatches
  readonly #subscribers = new Set<KernelSubscriber>()
  #routes: Disposable | undefined
  #nft: Disposable | undefined
  #unannounced = 0

  constructor(options: MonitorsOptions) {
    this.#options = options
    this.#log = options.log ?? silent
    this.#watch = options.watch ?? KERNEL_WATCHES
  }

  /** @throws KernelError */
  subscribe(subscriber: KernelSubscriber): Disposable {
    this.#subscribers.add(subscriber)
    try {
      if (followsRoutes(subscriber)) this.#routes ??= this.#watchRoutes()
      if (subscriber.onTable) this.#nft ??= this.#watchNft()
    } catch (error) {
      this.#unsubscribe(subscriber)
      throw error
    }
    return { [Symbol.dispose]: () => this.#unsubscribe(subscriber) }
  }

  /** How often routes may have changed without an announcement; undefined while nobody follows them. */
  unannounced(): number | undefined {
    return this.#routes && this.#unannounced
  }

  [Symbol.dispose](): void {
    for (const subscriber of this.#subscribers) this.#unsubscribe(subscriber)
  }

  #unsubscribe(subscriber: KernelSubscriber): void {
    this.#subscribers.delete(subscriber)
    const left = [...this.#subscribers]
    if (!left.some(followsRoutes)) {
      this.#routes?.[Symbol.dispose]()
      this.#routes = undefined
    }
    if (!left.some(({ onTable }) => onTable)) {
      this.#nft?.[Symbol.dispose]()
      this.#nft = undefined
    }
  }

  #watchRoutes(): Disposable {
    // What happened before is unknown.
    this.#unannounced++
    const handlers = {
      onRoute: (change: Change, route: Route) => this.#each((s) => s.onRoute?.(change, route)),
      // IPv4 routes go silently with the interface, and with the address that is their source.
      onLink: (change: Change, link: Link) => {
        if (link.index === LOOPBACK) this.#unannounced++
        this.#each((s) => s.onLink?.(change, link))
      },
      onAddress: (change: Change, address: Address) => {
        this.#unannounced++
        this.#each((s) => s.onAddress?.(change, address))
      },
      onOverrun: () => {
        this.#unannounced++
        this.#lost('routes, links and addresses')
      },
      onError: (error: Error) => this.#failed(error),
    }
    const { netns, routePort } = this.#options
    const filter = routeFilter({ notFrom: routePort })
    return this.#watch.routes(handlers, { ...(netns === undefined ? {} : { netns }), filter })
  }

  #watchNft(): Disposable {
    const { netns, own } = this.#options
    own.forget()
    return this.#watch.nft(
      {
        onTransaction: ({ tables, kinds }) => {
          // Elements, which come and go with every Service, are left out: only what should stand still is news.
          if (kinds.length === 0) return
          for (const table of tables)
            if (!own.isOurs(table)) this.#each((subscriber) => subscriber.onTable?.(table))
        },
        onOverrun: () => {
          own.forget()
          this.#lost('nftables')
        },
        onError: (error) => this.#failed(error),
      },
      { ...(netns === undefined ? {} : { netns }), elements: false },
    )
  }

  #lost(what: string): void {
    this.#log.warn('announcements of the kernel were lost', { what })
    this.#each((subscriber) => subscriber.onOverrun?.())
  }

  #failed(error: Error): void {
    this.#log.error('an announcement of the kernel could not be handled', { error: error.message })
  }

  #each(tell: (subscriber: KernelSubscriber) => void): void {
    for (const subscriber of [...this.#subscribers]) {
      try {
        tell(subscriber)
      } catch (error) {
        // What one feature cannot handle is still for the others.
        this.#failed(error as Error)
      }
    }
  }
}

function followsRoutes({ onRoute, onLink, onAddress }: KernelSubscriber): boolean {
  return (onRoute ?? onLink ?? onAddress) !== undefined
}
