/** Announcements of a fake kernel. */
import type { Address } from '@podroute/linux/route/addresses.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import type { Change } from '@podroute/linux/route/monitor.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import type { KernelChanges, KernelSubscriber } from '../monitors.ts'

export class FakeChanges implements KernelChanges {
  readonly #subscribers = new Set<KernelSubscriber>()
  #silent = false

  subscribe(subscriber: KernelSubscriber): Disposable {
    this.#subscribers.add(subscriber)
    return { [Symbol.dispose]: () => void this.#subscribers.delete(subscriber) }
  }

  routeChanged(change: Change, route: Route): void {
    this.#tell((subscriber) => subscriber.onRoute?.(change, route))
  }

  linkChanged(change: Change, link: Link): void {
    this.#tell((subscriber) => subscriber.onLink?.(change, link))
  }

  addressChanged(change: Change = 'add', address: Address = SOME_ADDRESS): void {
    this.#tell((subscriber) => subscriber.onAddress?.(change, address))
  }

  tableChanged(table: string): void {
    this.#tell((subscriber) => subscriber.onTable?.(table))
  }

  /** What happens meanwhile is lost, and only that is announced. */
  async overrun(work: () => Promise<unknown>): Promise<void> {
    this.#silent = true
    await work()
    this.#silent = false
    this.#tell((subscriber) => subscriber.onOverrun?.())
  }

  #tell(tell: (subscriber: KernelSubscriber) => void): void {
    if (!this.#silent) for (const subscriber of this.#subscribers) tell(subscriber)
  }
}

const SOME_ADDRESS: Address = {
  interfaceIndex: 2,
  family: 4,
  address: '192.0.2.1',
  prefixLength: 24,
  scope: 0,
  flags: 0,
}
