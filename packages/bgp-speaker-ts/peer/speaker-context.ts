// What a peer needs of its speaker.
import type { Clock } from '../clock.ts'
import type { PeerConfig } from '../config.ts'
import type { Discovery } from '../discovery/discovery.ts'
import type { Logger } from '../log.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import type { Rib } from '../rib/rib.ts'
import type { PeerEvent, RejectEvent } from '../snapshot.ts'
import type { Transport } from '../transport.ts'
import type { InternedValues } from './interned-values.ts'
import type { PathWatch } from './path-watch.ts'

export interface SpeakerContext {
  readonly asn: number
  readonly routerId: number
  readonly clusterId: number
  /** Seconds. */
  readonly holdTime: number
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly transport: Transport
  /** For unnumbered peers. */
  readonly discovery: Discovery | undefined
  readonly rib: Rib
  readonly paths: PathWatch
  readonly interned: InternedValues
  /** The TCP-MD5 key of connections from there; undefined: none any more. */
  setPassword(remote: string, password: string | undefined): void
  /** A policy prepared for evaluation; equal policies share one. */
  engine(policy: PeerConfig['importPolicy']): PolicyEngine | undefined
  emitPeer(event: PeerEvent): void
  emitReject(event: RejectEvent): void
  /** This process follows one that ended without a goodbye, and has not caught up yet: peers are told so, and End-of-RIB waits. */
  restarting(): boolean
  /** A peer's progress that may end `restarting`. */
  restartProgress(): void
  /** A dynamic peer is not connected any more. */
  dynamicPeerGone(peer: string): void
}
