// Snapshots of BFD sessions, for the CLI and for metrics.
import type { SessionState } from './packet.ts'

export interface BfdCounters {
  readonly received: number
  readonly sent: number
  /** Datagrams that the kernel refused, for example without a route or a listener at the other end. */
  readonly sendErrors: number
  /** Changes to and from up. */
  readonly ups: number
  readonly downs: number
}

export interface BfdSessionSnapshot {
  readonly peer: string
  readonly local: string
  readonly state: SessionState
  /** Milliseconds since the state changed. */
  readonly age: number
  readonly diagnostic: string
  readonly localDiscriminator: number
  /** Milliseconds before jitter; undefined: no periodic packets. */
  readonly transmitInterval: number | undefined
  /** Detection time in milliseconds; undefined: nothing received yet. */
  readonly detectionTime: number | undefined
  /** A poll sequence is running: the neighbour has not confirmed new parameters yet. */
  readonly polling: boolean
  readonly remote: {
    readonly state: SessionState
    readonly diagnostic: string
    /** 0: not known. */
    readonly discriminator: number
    /** Milliseconds. */
    readonly desiredMinTx: number
    readonly requiredMinRx: number
    readonly detectMultiplier: number
  }
  readonly counters: BfdCounters
  /** Why the session has no sockets, while it has none. */
  readonly problem: string | undefined
}

/** Discarded datagrams by reason. */
export type BfdDiscards = Readonly<Record<string, number>>

export interface BfdSnapshot {
  readonly sessions: readonly BfdSessionSnapshot[]
  readonly discards: BfdDiscards
}
