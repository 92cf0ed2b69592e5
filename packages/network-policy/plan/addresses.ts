/**
 * Whose an address is. A pod that has run to its end has none; but the API may still show a pod as running whose address the next one
 * has already: nobody inherits anything by that.
 */
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import { type ClaimRule, Claims } from '@podroute/reconcile/claims.ts'

interface AddressClaim {
  readonly pod: Pod
  /** The node has just given the address to it. */
  readonly announced: boolean
}

/** The one that the node names, then the one that stays before the one that goes, then the younger one. */
const STAYS_LONGER: ClaimRule<string, AddressClaim> = {
  precedes: ({ owner: a, value: x }, { owner: b, value: y }) =>
    Number(y.announced) - Number(x.announced) ||
    Number(x.pod.leaving) - Number(y.pod.leaving) ||
    y.pod.created - x.pod.created ||
    (a < b ? -1 : 1),
  equal: (x, y) => x.pod === y.pod && x.announced === y.announced,
}

export class PodAddresses {
  readonly #claims: Claims<string, string, AddressClaim>

  /** @param changed is told of a pod that lost or got an address by another one's coming or going */
  constructor(changed: (key: string) => void) {
    const tell = (claim: AddressClaim | undefined) => claim && changed(claim.pod.key)
    this.#claims = new Claims<string, string, AddressClaim>(
      {
        set(_address, claim, previous) {
          tell(claim)
          tell(previous)
        },
        delete: (_address, previous) => tell(previous),
      },
      STAYS_LONGER,
    )
  }

  /** @param announced addresses that its node has given it and its status need not say yet */
  update(key: string, pod: Pod | undefined, announced: readonly string[]): void {
    const claims = (addresses: readonly string[], isAnnounced: boolean) =>
      pod ? addresses.map((address) => [address, { pod, announced: isAnnounced }] as const) : []
    this.#claims.replace(key, [...claims(pod?.addresses ?? [], false), ...claims(announced, true)])
  }

  /** Key of the pod that has it. */
  owner(address: string): string | undefined {
    return this.#claims.winner(address)?.owner
  }

  /** The addresses that a pod has and no other one. */
  of({ key }: Pod): readonly string[] {
    return this.#claims.keysOf(key).filter((address) => this.#claims.winner(address)?.owner === key)
  }
}
