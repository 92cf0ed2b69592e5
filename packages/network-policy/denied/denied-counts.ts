/** How many packets of this node's pods were dropped: the kernel counts them by the pod's address, and is asked now and then. */
import type { Family } from '@podroute/address/address.ts'
import type { Direction } from '@podroute/cluster/objects/network-policy.ts'
import type { NftApi } from '@podroute/kernel/nft/api.ts'
import { DENIED_SETS, deniedSet, TABLE_NAME } from '../kernel/table.ts'

export interface DeniedCount {
  readonly address: string
  readonly direction: Direction
  readonly packets: number
}

const FAMILIES: readonly Family[] = [4, 6]
const DIRECTIONS: readonly Direction[] = ['ingress', 'egress']

export class DeniedCounts {
  readonly #nft: Pick<NftApi, 'counts' | 'writeElements'>
  /** What the kernel said last, by direction and address. */
  #last: ReadonlyMap<string, DeniedCount> = new Map()
  readonly #totals: Record<Direction, number> = { ingress: 0, egress: 0 }

  constructor(nft: Pick<NftApi, 'counts' | 'writeElements'>) {
    this.#nft = nft
  }

  /** Of addresses of pods that are there. */
  list(): Iterable<DeniedCount> {
    return this.#last.values()
  }

  /** Never becomes less. */
  get totals(): Readonly<Record<Direction, number>> {
    return this.#totals
  }

  /** @param isLocal whether an address is of a pod of this node: what was counted of others goes */
  async read(isLocal: (address: string) => boolean): Promise<void> {
    const found = new Map<string, DeniedCount>()
    for (const direction of DIRECTIONS)
      for (const family of FAMILIES)
        for (const count of await this.#readSet(direction, family)) {
          const key = `${direction} ${count.address}`
          const before = this.#last.get(key)?.packets ?? 0
          // One that is less begins anew.
          this.#totals[direction] += count.packets < before ? count.packets : count.packets - before
          if (isLocal(count.address)) found.set(key, count)
          else await this.#forget(direction, family, count.address)
        }
    this.#last = found
  }

  /** None where there is no such set: no policy isolates a pod of this node. */
  async #readSet(direction: Direction, family: Family): Promise<readonly DeniedCount[]> {
    const set = deniedSet(direction, family)
    const counts = await this.#nft.counts(TABLE_NAME, set, DENIED_SETS[set]!).catch(() => [])
    return counts.map(({ element, packets }) => ({ address: element, direction, packets }))
  }

  /** One that is gone already is no fault. */
  async #forget(direction: Direction, family: Family, address: string): Promise<void> {
    const set = deniedSet(direction, family)
    const change = { kind: 'delete', set, type: DENIED_SETS[set]!, elements: [address] } as const
    await this.#nft.writeElements(TABLE_NAME, [change]).catch(() => undefined)
  }
}
