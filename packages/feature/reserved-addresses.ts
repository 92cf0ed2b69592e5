/**
 * Addresses that the node needs of somebody else: no Service may have one, whatever it asks for, and a route to one may be learned.
 * Who knows of some names them here; who gives addresses away asks here.
 */
import { Claims } from '@podroute/reconcile/claims.ts'

/**
 * Who has the addresses. Of several that name one the first of these is its holder: whose address is never a Service's comes before
 * those whose address may be a ClusterIP.
 */
export const RESERVED_HOLDERS = [
  /** The API server where the node's own files say that it is. */
  'configured-api-server',
  'bgp-peer',
  /** Of a route of the node. */
  'gateway',
  /** The first and last address of a network of the node. */
  'broadcast',
  /** In use now. */
  'api-server',
  /** By the slices of `default/kubernetes`. */
  'api-server-endpoint',
  /** Whom the node asks for names. */
  'resolver',
] as const
export type ReservedHolder = (typeof RESERVED_HOLDERS)[number]

/**
 * Canonical addresses in place of those that the holder had.
 * @param changed addresses that have another holder now, or none any more
 */
export type ReservedChanged = (
  holder: ReservedHolder,
  addresses: readonly string[],
  changed: readonly string[],
) => void

export class ReservedAddresses {
  readonly #claims: Claims<ReservedHolder, string, ReservedHolder>
  readonly #subscribers = new Set<ReservedChanged>()
  /** By the replacement under way. */
  readonly #changed = new Set<string>()
  #bgpPorts: ReadonlySet<number> = new Set()
  readonly #portSubscribers = new Set<() => void>()

  constructor() {
    const rank = (holder: ReservedHolder) => RESERVED_HOLDERS.indexOf(holder)
    this.#claims = new Claims<ReservedHolder, string, ReservedHolder>(
      {
        set: (address) => void this.#changed.add(address),
        delete: (address) => void this.#changed.add(address),
      },
      { precedes: (a, b) => rank(a.owner) - rank(b.owner) },
    )
  }

  /** Puts the addresses of a holder in place of those that it had. @param addresses canonical text */
  replace(holder: ReservedHolder, addresses: Iterable<string>): void {
    const distinct = [...new Set(addresses)].sort()
    if (distinct.join() === this.#claims.keysOf(holder).join()) return
    this.#changed.clear()
    this.#claims.replace(
      holder,
      distinct.map((address) => [address, holder]),
    )
    const changed = [...this.#changed]
    for (const tell of this.#subscribers) tell(holder, distinct, changed)
  }

  /** TCP ports at which nodes and routers speak BGP: no endpoint of a Service may be one of them there. */
  get bgpPorts(): ReadonlySet<number> {
    return this.#bgpPorts
  }

  replaceBgpPorts(ports: Iterable<number>): void {
    const wanted = new Set(ports)
    if ([...wanted].sort().join() === [...this.#bgpPorts].sort().join()) return
    this.#bgpPorts = wanted
    for (const changed of this.#portSubscribers) changed()
  }

  /** Hears when they are others, until disposed of. */
  subscribeBgpPorts(changed: () => void): Disposable {
    this.#portSubscribers.add(changed)
    return { [Symbol.dispose]: () => void this.#portSubscribers.delete(changed) }
  }

  has(address: string): boolean {
    return this.holderOf(address) !== undefined
  }

  /** Whose an address is; undefined where it is nobody's. */
  holderOf(address: string): ReservedHolder | undefined {
    return this.#claims.winner(address)?.owner
  }

  /** Tells what there is, and then each change, until disposed of. */
  subscribe(changed: ReservedChanged): Disposable {
    this.#subscribers.add(changed)
    for (const holder of this.#claims.owners()) {
      const addresses = this.#claims.keysOf(holder)
      changed(holder, addresses, addresses)
    }
    return { [Symbol.dispose]: () => void this.#subscribers.delete(changed) }
  }
}
