/**
 * Whose an address is. A pod that has run to its end has none; but the API may still show a pod as running whose address the next one
 * has already: nobody inherits anything by that.
 */
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import { type ClaimRule, Claims } from '@podroute/reconcile/claims.ts'

/** The one that stays before the one that goes, then the younger one. */
const STAYS_LONGER: ClaimRule<string, Pod> = {
  precedes: ({ owner: a, value: x }, { owner: b, value: y }) =>
    Number(x.leaving) - Number(y.leaving) || y.created - x.created || (a < b ? -1 : 1),
}

export class PodAddresses {
  readonly #claims: Claims<string, string, Pod>

  /** @param changed is told of a pod that lost or got an address by another one's coming or going */
  constructor(changed: (key: string) => void) {
    const tell = (pod: Pod | undefined) => pod && changed(pod.key)
    this.#claims = new Claims<string, string, Pod>(
      {
        set(_address, pod, previous) {
          tell(pod)
          tell(previous)
        },
        delete: (_address, previous) => tell(previous),
      },
      STAYS_LONGER,
    )
  }

  update(key: string, pod: Pod | undefined): void {
    this.#claims.replace(
      key,
      (pod?.addresses ?? []).map((address) => [address, pod!] as const),
    )
  }

  /** The addresses that a pod has and no other one. */
  of(pod: Pod): readonly string[] {
    return pod.addresses.filter((address) => this.#claims.winner(address)?.owner === pod.key)
  }
}
