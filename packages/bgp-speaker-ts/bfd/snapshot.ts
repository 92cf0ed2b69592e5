// What a BFD session looks like from outside: for the CLI and for metrics.
import type { SessionState } from './packet.ts'

export interface BfdCounters {
  readonly received: number
  readonly sent: number
  /** Datagrams that the kernel did not take, e.g. with no route or nobody listening at the other end. */
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
  /** Milliseconds, before jitter; undefined: nothing is sent periodically. */
  readonly transmitInterval: number | undefined
  /** Milliseconds of silence after which the neighbour counts as gone; undefined: nothing received yet. */
  readonly detectionTime: number | undefined
  /** A parameter change that the neighbour has not confirmed yet. */
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

/** Datagrams that no session took, by reason. */
export type BfdDiscards = Readonly<Record<string, number>>

export interface BfdSnapshot {
  readonly sessions: readonly BfdSessionSnapshot[]
  readonly discards: BfdDiscards
}
