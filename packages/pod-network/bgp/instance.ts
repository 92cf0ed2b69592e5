/** The BGP speaker of this node: made when the node's addresses are known, made anew when they change. */

import { canonicalAddress, type Family } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { SpeakerConfig } from 'bgp-speaker-ts/config.ts'
import type {
  BestPathChange,
  PeerEvent,
  PeerSnapshot,
  RejectEvent,
  RejectedPath,
} from 'bgp-speaker-ts/snapshot.ts'
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { PodNetworkError } from '../errors.ts'
import type { PodNetworkSettings } from '../settings.ts'

export type CreateSpeaker = (
  config: Pick<SpeakerConfig, 'asn' | 'routerId' | 'listen' | 'holdTime'>,
) => Speaker

export interface PeeringHandlers {
  onBest(changes: readonly BestPathChange[]): void
  /** A session came up, went down, or has told all it has. */
  onPeer(event: PeerEvent): void
  /** Name of the Node at an address; undefined where no Node has it. */
  nodeAt(peer: string): string | undefined
  /** The speaker was replaced: it knows no peer, and all paths are gone. */
  onReplaced(): void
}

/** Rejected announcements are logged once each, up to so many. */
const MAX_REJECTS_LOGGED = 1000

export class Peering {
  readonly #create: CreateSpeaker
  readonly #settings: () => PodNetworkSettings
  readonly #handlers: PeeringHandlers
  readonly #log: Logger
  /** Families whose End-of-RIB is still to come, for each established session. */
  readonly #established = new Map<string, Set<string>>()
  readonly #rejectsLogged = new Set<string>()
  #speaker: Speaker | undefined
  #identity = ''
  #problem: string | undefined = 'not started'

  constructor(
    create: CreateSpeaker,
    settings: () => PodNetworkSettings,
    handlers: PeeringHandlers,
    log: Logger,
  ) {
    this.#create = create
    this.#settings = settings
    this.#handlers = handlers
    this.#log = log
  }

  get speaker(): Speaker | undefined {
    return this.#speaker
  }

  /** Why there is no speaker; undefined when there is one. */
  get problem(): string | undefined {
    return this.#problem
  }

  isEstablished(peer: string): boolean {
    return this.#established.has(peer)
  }

  /** Whether the session is up and the peer has sent End-of-RIB (RFC 4724) for each of its families. */
  hasToldAll(peer: string): boolean {
    return this.#established.get(peer)?.size === 0
  }

  peers(): readonly PeerSnapshot[] {
    return this.#speaker?.peers() ?? []
  }

  /** What the sessions' import policies keep out. */
  rejected(): Iterable<RejectedPath> {
    return this.#speaker?.rejected() ?? []
  }

  /** Starts the speaker, or replaces it when the node's addresses are others. @throws PodNetworkError (listen) */
  async ensure(local: ClusterNode): Promise<void> {
    const config = speakerConfig(local, this.#settings())
    if (!config) {
      // The sessions that there are go on.
      if (!this.#speaker) this.#problem = 'the Node has no address'
      return
    }
    const identity = JSON.stringify(config)
    if (this.#speaker && identity === this.#identity) return
    await this.#replace(config)
    this.#identity = identity
  }

  /** Ends the sessions for good: peers forget this node's routes. */
  async close(reason: string): Promise<void> {
    await this.#takeSpeaker()?.close(reason)
  }

  /**
   * Ends the sessions until another agent starts. With graceful restart the connections just close: after a NOTIFICATION peers without
   * RFC 8538 would forget the routes (RFC 4724 section 4), and with it an end that is announced is a hard reset.
   */
  async leave(reason: string): Promise<void> {
    if (this.#settings().restartTime === undefined) return this.close(reason)
    await this.#takeSpeaker()?.abandon()
  }

  #takeSpeaker(): Speaker | undefined {
    const speaker = this.#speaker
    this.#speaker = undefined
    speaker?.removeAllListeners()
    return speaker
  }

  async #replace(config: NonNullable<ReturnType<typeof speakerConfig>>): Promise<void> {
    if (this.#speaker) {
      this.#log.warn('the node is another one to its peers, all BGP sessions start anew', {
        asn: config.asn,
        listen: config.listen?.addresses,
      })
      await this.close('reconfigured')
      this.#established.clear()
      this.#handlers.onReplaced()
    }
    const speaker = this.#create(config)
    speaker.on('best', (changes) => this.#handlers.onBest(changes))
    speaker.on('peer', (event) => this.#peer(event))
    speaker.on('reject', (event) => this.#rejected(event))
    try {
      await speaker.start()
    } catch (cause) {
      await speaker.close().catch(() => {})
      const at = config.listen.addresses.map((address) => `${address} port ${config.listen.port}`).join(', ')
      this.#problem = `cannot listen for BGP at ${at}: ${(cause as Error).message}`
      throw new PodNetworkError('listen', this.#problem, { cause })
    }
    this.#speaker = speaker
    this.#problem = undefined
    this.#log.info('BGP speaker started', { routerId: config.routerId, listen: speaker.listening() })
  }

  #peer(event: PeerEvent): void {
    switch (event.kind) {
      case 'established':
        this.#established.set(event.peer, new Set(event.families))
        this.#log.info('BGP session up', {
          ...this.#named(event.peer),
          routerId: event.routerId,
          families: event.families,
        })
        break
      case 'down':
        this.#established.delete(event.peer)
        this.#log.warn('BGP session down', { ...this.#named(event.peer), reason: event.reason })
        break
      case 'end-of-rib':
        this.#established.get(event.peer)?.delete(event.family)
        break
      case 'near-prefix-limit':
        this.#log.warn('a peer announces nearly as many prefixes as it may: see maxPrefixes', {
          peer: event.peer,
          family: event.family,
          limit: event.limit,
        })
        break
      case 'state':
        break
    }
    this.#handlers.onPeer(event)
  }

  /** The address of a peer, and its Node where that is known. */
  #named(peer: string) {
    const node = this.#handlers.nodeAt(peer)
    return node === undefined ? { peer } : { peer, node }
  }

  #rejected(event: RejectEvent): void {
    const key = `${event.peer} ${event.direction} ${event.prefix} ${event.reason}`
    if (event.direction === 'export' || this.#rejectsLogged.has(key)) return
    if (this.#rejectsLogged.size < MAX_REJECTS_LOGGED) this.#rejectsLogged.add(key)
    const { peer, prefix, reason } = event
    // A router that serves several nodes tells each of them about the others, and about itself; and what nobody asked it for.
    const level = reason === 'as-loop' || reason === 'not-accepted' ? 'debug' : 'warn'
    this.#log[level]('announcement rejected', { peer, prefix, reason })
  }
}

/** Undefined while the node has no address. */
export function speakerConfig(local: ClusterNode, settings: PodNetworkSettings) {
  const families: readonly Family[] = [4, 6]
  const addresses = families.flatMap((family) => primaryAddress(local, family) ?? [])
  if (addresses.length === 0) return undefined
  return {
    asn: settings.asn,
    routerId: primaryAddress(local, 4) ?? routerIdOf(addresses[0]!),
    listen: { addresses, port: settings.port },
    holdTime: settings.holdTime,
  } satisfies SpeakerConfig
}

/** RFC 6286: any non-zero number that is unique in the AS; on a node without IPv4, 32 bits of a hash of its address (FNV-1a). */
function routerIdOf(address: string): string {
  let hash = 0x811c9dc5
  for (const char of canonicalAddress(address) ?? address) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
  }
  return [24, 16, 8, 0].map((shift) => ((hash || 1) >>> shift) & 255).join('.')
}
