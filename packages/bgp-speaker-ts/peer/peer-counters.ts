// Counters of one peer, over all of its sessions.
import type { PeerCountersSnapshot, PrefixCounts } from '../snapshot.ts'

type CountedByPeer = Omit<PeerCountersSnapshot, keyof PrefixCounts>

export class PeerCounters {
  messagesReceived = 0
  messagesSent = 0
  updatesReceived = 0
  updatesSent = 0
  established = 0
  treatedAsWithdraw = 0
  attributesDiscarded = 0
  #rejected: Map<string, number> | undefined

  reject(reason: string): void {
    this.#rejected ??= new Map()
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1)
  }

  snapshot(): CountedByPeer {
    return { ...this, rejected: Object.fromEntries(this.#rejected ?? []) }
  }
}
