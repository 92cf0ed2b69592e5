// What is counted about one peer over all of its sessions.
import type { PeerCounters } from '../snapshot.ts'

type Counted = Omit<PeerCounters, 'prefixesReceived' | 'prefixesAccepted' | 'prefixesAdvertised'>

export class Tally {
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

  counted(): Counted {
    return { ...this, rejected: Object.fromEntries(this.#rejected ?? []) }
  }
}
