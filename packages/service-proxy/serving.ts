/** Tells whoever announces addresses what this proxy serves, and whether it works at all. */
import type { ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ServedAddress, ServedAddresses, ServiceServer } from '@podroute/feature/served-addresses.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { ProxyHealth } from './proxy-health.ts'

export interface ServingOptions {
  readonly served: ServedAddresses
  readonly clock: Pick<Clock, 'after'>
  health(): Pick<ProxyHealth, 'healthy'>
  /** The first sync is over, or cannot be. */
  complete(): boolean
  /** Why Services do not work; undefined where that is not known. */
  reason(): string | undefined
  addressesOf(service: ServiceKey): readonly ServedAddress[]
}

/** Health is a matter of time: nobody says when it is lost. In milliseconds. */
const LOOK_EVERY = 5000

export class Serving implements ServiceServer, Disposable {
  readonly #options: ServingOptions
  readonly #registration: Disposable
  #told: string
  #timer: Disposable | undefined

  constructor(options: ServingOptions) {
    this.#options = options
    this.#told = this.#state()
    this.#registration = options.served.serve(this)
    this.#wait()
  }

  problem(): string | undefined {
    const { health, reason } = this.#options
    if (health().healthy) return undefined
    return `the service proxy does not work: ${reason() ?? 'changes do not reach the kernel'}`
  }

  complete(): boolean {
    return this.#options.complete()
  }

  addressesOf(service: ServiceKey): readonly ServedAddress[] {
    return this.#options.addressesOf(service)
  }

  /** The proxy may have begun to work, or ceased to. */
  look(): void {
    const state = this.#state()
    if (state === this.#told) return
    this.#told = state
    this.#options.served.serverChanged()
  }

  /** The proxy is switched off: its addresses are served by others, or by nobody. */
  end(): void {
    this[Symbol.dispose]()
    this.#registration[Symbol.dispose]()
  }

  /** The agent ends: the kernel goes on, so that all of this stays true. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
  }

  #state(): string {
    return `${this.complete()} ${this.problem() ?? ''}`
  }

  #wait(): void {
    this.#timer = this.#options.clock.after(LOOK_EVERY, () => {
      this.look()
      this.#wait()
    })
  }
}
