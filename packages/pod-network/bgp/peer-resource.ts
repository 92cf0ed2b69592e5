/** The BGP sessions, by the address of the peer. What is there is what the speaker says, whatever was acknowledged. */
import { isDeepStrictEqual } from 'node:util'
import { DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { PodNetworkError } from '../errors.ts'
import { peerKey } from './peer-key.ts'

/** What is used of the speaker. */
export interface PeerHolder {
  configurations(): Iterable<PeerConfig>
  configuration(address: string): PeerConfig | undefined
  addPeer(peer: PeerConfig): void
  updatePeer(peer: PeerConfig): void
  removePeer(address: string): Promise<void>
}

export class PeerResource implements Resource<string, PeerConfig> {
  readonly name = 'peers'
  readonly #speaker: () => PeerHolder | undefined
  /** What `revision` saw last, and how often that was something else. A configuration is never changed, but another one takes its place. */
  #seen: PeerConfig[] = []
  #changes = 0

  constructor(speaker: () => PeerHolder | undefined) {
    this.#speaker = speaker
  }

  equal(a: PeerConfig, b: PeerConfig): boolean {
    return isDeepStrictEqual(a, b)
  }

  async *list(): AsyncIterable<Iterable<readonly [string, PeerConfig]>> {
    const configs = this.#speaker()?.configurations() ?? []
    yield Array.from(configs, (config) => [peerKey(config), config] as const)
  }

  /** Going through hundreds of peers costs little; their keys, and what is in their configurations, is what does. */
  async revision(): Promise<string> {
    const seen = this.#seen
    let count = 0
    let same = true
    for (const config of this.#speaker()?.configurations() ?? []) {
      same &&= seen[count] === config
      seen[count++] = config
    }
    if (!same || seen.length !== count) this.#changes++
    seen.length = count
    return String(this.#changes)
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, PeerConfig>> {
    const speaker = this.#speaker()
    const found = new Map<string, PeerConfig>()
    for (const key of keys) {
      const config = speaker?.configuration(key)
      if (config) found.set(key, config)
    }
    return found
  }

  async apply(ops: readonly Op<string, PeerConfig>[]): Promise<readonly Outcome[]> {
    const speaker = this.#speaker()
    return ops.map((op): Outcome => {
      try {
        if (op.kind === 'remove') remove(speaker, op.key)
        else put(speaker, op.key, op.value)
        return DONE
      } catch (error) {
        return { ok: false, error: error as Error }
      }
    })
  }
}

function put(speaker: PeerHolder | undefined, key: string, config: PeerConfig): void {
  if (!speaker) throw new PodNetworkError('no-speaker', 'the BGP speaker is not running yet')
  if (speaker.configuration(key)) speaker.updatePeer(config)
  else speaker.addPeer(config)
}

/** The speaker forgets the peer at once. Its connection may stay open for a second where the peer is silent: nobody waits for that. */
function remove(speaker: PeerHolder | undefined, key: string): void {
  if (speaker?.configuration(key)) speaker.removePeer(key).catch(() => {})
}
