/** The BGP sessions: a peer is there while the speaker knows it. */
import { isDeepStrictEqual } from 'node:util'
import { DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { peerName } from 'bgp-speaker-ts/peer-name.ts'
import { PodNetworkError } from '../errors.ts'
import type { PeerKey } from '../plan/peers.ts'

/** What is used of the speaker. */
export interface PeerHolder {
  addPeer(peer: PeerConfig): void
  updatePeer(peer: PeerConfig): void
  removePeer(address: string): Promise<void>
}

export class PeerResource implements Resource<PeerKey, PeerConfig> {
  readonly name = 'peers'
  readonly #speaker: () => PeerHolder | undefined
  /** The speaker knows peers by address only: who planned them is kept here. */
  readonly #present = new Map<PeerKey, PeerConfig>()

  constructor(speaker: () => PeerHolder | undefined) {
    this.#speaker = speaker
  }

  /** A new speaker knows nobody. */
  forget(): void {
    this.#present.clear()
  }

  equal(a: PeerConfig, b: PeerConfig): boolean {
    return isDeepStrictEqual(a, b)
  }

  async *list(): AsyncIterable<Iterable<readonly [PeerKey, PeerConfig]>> {
    yield this.#present
  }

  async apply(ops: readonly Op<PeerKey, PeerConfig>[]): Promise<readonly Outcome[]> {
    const speaker = this.#speaker()
    if (!speaker) {
      const error = new PodNetworkError('no-speaker', 'the BGP speaker is not running yet')
      return ops.map((op) => (op.kind === 'remove' ? this.#gone(op.key) : { ok: false, error }))
    }
    const outcomes: Outcome[] = []
    for (const op of ops) outcomes.push(await this.#applyOne(speaker, op))
    return outcomes
  }

  async #applyOne(speaker: PeerHolder, op: Op<PeerKey, PeerConfig>): Promise<Outcome> {
    try {
      const moved = op.kind === 'replace' && peerName(op.previous) !== peerName(op.value)
      if (op.kind === 'remove' || moved) {
        await speaker.removePeer(peerName(op.previous))
        this.#present.delete(op.key)
      }
      if (op.kind === 'replace' && !moved) speaker.updatePeer(op.value)
      else if (op.kind !== 'remove') speaker.addPeer(op.value)
      if (op.kind !== 'remove') this.#present.set(op.key, op.value)
      return DONE
    } catch (error) {
      return { ok: false, error: error as Error }
    }
  }

  #gone(key: PeerKey): Outcome {
    this.#present.delete(key)
    return DONE
  }
}
