/**
 * Addresses that the node needs of somebody else: no Service may have one, whatever it asks for, and a route to one may be learned.
 * Who knows of some names them here; who gives addresses away asks here.
 */

/** Who has the addresses. */
export type ReservedHolder =
  /** In use now. */
  | 'api-server'
  /** By the slices of `default/kubernetes`. */
  | 'api-server-endpoint'
  /** The API server where the node's own files say that it is. */
  | 'configured-api-server'
  | 'bgp-peer'
  /** Of a route of the node. */
  | 'gateway'
  /** The first and last address of a network of the node. */
  | 'broadcast'
  /** Whom the node asks for names. */
  | 'resolver'

/** Canonical addresses in place of those that the holder had. */
export type ReservedChanged = (holder: ReservedHolder, addresses: readonly string[]) => void

export class ReservedAddresses {
  readonly #byHolder = new Map<ReservedHolder, readonly string[]>()
  readonly #subscribers = new Set<ReservedChanged>()

  /** Puts the addresses of a holder in place of those that it had. @param addresses canonical text */
  replace(holder: ReservedHolder, addresses: Iterable<string>): void {
    const distinct = [...new Set(addresses)].sort()
    if (distinct.join() === (this.#byHolder.get(holder) ?? []).join()) return
    this.#byHolder.set(holder, distinct)
    for (const changed of this.#subscribers) changed(holder, distinct)
  }

  has(address: string): boolean {
    for (const addresses of this.#byHolder.values()) if (addresses.includes(address)) return true
    return false
  }

  /** Tells what there is, and then each change, until disposed of. */
  subscribe(changed: ReservedChanged): Disposable {
    this.#subscribers.add(changed)
    for (const [holder, addresses] of this.#byHolder) changed(holder, addresses)
    return { [Symbol.dispose]: () => void this.#subscribers.delete(changed) }
  }
}
