/**
 * Addresses that no Service may take on this node, each with who uses it: the API server, BGP peers, gateways, resolvers. Several owners
 * may name one address; it stays reserved until the last of them lets it go.
 */
import { Claims } from '@podroute/reconcile/claims.ts'

export class ReservedAddresses {
  readonly #claims: Claims<string, string, string>
  readonly #subscribers = new Set<(address: string) => void>()

  constructor() {
    const tell = (address: string) => {
      for (const changed of this.#subscribers) changed(address)
    }
    this.#claims = new Claims<string, string, string>({ set: tell, delete: tell })
  }

  /**
   * Puts the addresses of an owner in place of those it named before.
   * @param addresses canonical text, each with what it is: `a BGP peer`
   */
  replace(owner: string, addresses: Iterable<readonly [address: string, use: string]>): void {
    this.#claims.replace(owner, addresses)
  }

  /** What an address is used for; undefined: it is free. */
  use(address: string): string | undefined {
    return this.#claims.winner(address)?.value
  }

  *entries(): Iterable<readonly [address: string, use: string]> {
    for (const [address, { value }] of this.#claims.winners()) yield [address, value]
  }

  /** Calls `changed` for each address that becomes reserved, free, or is used for something else. */
  subscribe(changed: (address: string) => void): Disposable {
    this.#subscribers.add(changed)
    return { [Symbol.dispose]: () => void this.#subscribers.delete(changed) }
  }
}
