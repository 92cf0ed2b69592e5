// A speaker as BMP sees it, and how it is told what happens.
import type { Clock } from '../clock.ts'
import type { Family } from '../config.ts'
import type { Logger } from '../log.ts'
import type { EndReason } from '../peer/fsm/fsm-state.ts'
import type { PeerCounters } from '../peer/peer-counters.ts'
import type { Negotiated } from '../peer/session/negotiation.ts'
import type { Rib } from '../rib/rib.ts'
import type { Source } from '../rib/source.ts'
import type { Connection, Transport } from '../transport.ts'

/** Both OPENs of a session as they were on the wire, a character for each byte: that takes less memory than arrays. */
export interface Opens {
  sent: string
  received: string
}

/** An established session. */
export interface ObservedSession {
  readonly source: Source
  readonly asn: number
  /** The clock's time at which it was established. */
  readonly since: number
  readonly negotiated: Negotiated
  readonly endOfRib: readonly Family[]
  readonly ingest: { readonly received: Readonly<Record<Family, number>> }
  readonly wire: { readonly connection: Connection; readonly opens: Opens | undefined }
  readonly counters: PeerCounters
  /** Number of prefixes that are advertised to the peer. */
  readonly advertised: number
}

/** Is told of the sessions. There may be none: then nothing is kept for it. */
export interface SpeakerObserver {
  sessionUp(session: ObservedSession): void
  sessionDown(session: ObservedSession, reason: EndReason): void
  endOfRib(session: ObservedSession, family: Family): void
}

export interface ObservedSpeaker {
  readonly rib: Rib
  readonly clock: Clock
  readonly transport: Transport
  readonly random: () => number
  readonly log: Logger
  sessions(): Iterable<ObservedSession>
}
