/**
 * Addresses of Services that this node serves, as the feature says that serves them: who announces an address asks here, so that
 * nobody is sent where nothing answers. Keys are told, and what is true of one is asked for.
 */
import type { ServiceKey, TrafficPolicy } from '@podroute/cluster/objects/service.ts'

export type AddressKind = 'cluster-ip' | 'external-ip' | 'load-balancer-ip'

/**
 * What a new client from outside meets at this node. `serving`: an endpoint that is ready. `leaving`: only endpoints that terminate and
 * still serve. `none`: no endpoint that it may get. `pending`: that is not in the kernel yet.
 */
export type Answer = 'serving' | 'leaving' | 'none' | 'pending'

export interface ServedAddress {
  /** Canonical text. */
  readonly address: string
  readonly kind: AddressKind
  /** Whose endpoints clients from outside may get: the cluster's, or this node's. */
  readonly policy: TrafficPolicy
  readonly answer: Answer
}

/** Whoever serves Services on this node. */
export interface ServiceServer {
  /** Why no client is to be sent to this node, whatever it serves; undefined: nothing. */
  problem(): string | undefined
  /** Whether all that there is at first is in the kernel, as far as it can be: what is not served by then is not. */
  complete(): boolean
  /** Each address of the Service that is served here, once for each kind: not those that are refused, or another Service's. */
  addressesOf(service: ServiceKey): readonly ServedAddress[]
}

export interface ServedSubscriber {
  /** Other things may be true of these Services. */
  changed(services: Iterable<ServiceKey>): void
  /** Another one serves Services, nobody does any more, or its problem is another one, or it is complete. */
  serverChanged(): void
}

export class ServedAddresses {
  #server: ServiceServer | undefined
  readonly #subscribers = new Set<ServedSubscriber>()

  /** Undefined: nobody of this agent serves Services on this node. */
  get server(): ServiceServer | undefined {
    return this.#server
  }

  /** Until it is disposed of, this one serves Services. */
  serve(server: ServiceServer): Disposable {
    this.#server = server
    this.serverChanged()
    return {
      [Symbol.dispose]: () => {
        if (this.#server !== server) return
        this.#server = undefined
        this.serverChanged()
      },
    }
  }

  changed(services: Iterable<ServiceKey>): void {
    for (const subscriber of this.#subscribers) subscriber.changed(services)
  }

  serverChanged(): void {
    for (const subscriber of this.#subscribers) subscriber.serverChanged()
  }

  /** Hears each change until it is disposed of. */
  subscribe(subscriber: ServedSubscriber): Disposable {
    this.#subscribers.add(subscriber)
    return { [Symbol.dispose]: () => void this.#subscribers.delete(subscriber) }
  }
}
