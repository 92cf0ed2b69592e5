// The speaker as its peers see it: its identity, clock, transport, tables and events.
import type { SpeakerObserver } from '../bmp/observer.ts'
import type { Clock } from '../clock.ts'
import type { PeerConfig, RouteValidator } from '../config.ts'
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
  /** The default hold time, in seconds. */
  readonly holdTime: number
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly transport: Transport
  /** Finds unnumbered peers; undefined: the speaker has none. */
  readonly discovery: Discovery | undefined
  readonly rib: Rib
  /** Is told of the sessions; mostly nobody is. */
  observer: SpeakerObserver | undefined
  readonly validator: RouteValidator | undefined
  readonly paths: PathWatch
  readonly interned: InternedValues
  /** Sets the TCP-MD5 key of connections from an address; undefined removes it. */
  setPassword(remote: string, password: string | undefined): void
  /** Returns the engine of a policy; equal policies share one. */
  engine(policy: PeerConfig['importPolicy']): PolicyEngine | undefined
  emitPeer(event: PeerEvent): void
  emitReject(event: RejectEvent): void
  /** Whether the speaker is still restarting (RFC 4724 section 4.1): OPENs carry the R bit, and End-of-RIB waits. */
  restarting(): boolean
  /** Whether it was started less than so many seconds ago, after a process whose routes are still used (SpeakerConfig.restarted). */
  restarted(seconds: number): boolean
  /** A peer's timers may be others now: the speaker looks at them within a second. */
  timersChanged(): void
  /** A session came up or a peer sent End-of-RIB, which may end `restarting`. */
  restartProgress(): void
  /** A dynamic peer is no longer connected: the speaker forgets it. */
  dynamicPeerGone(peer: string): void
}
