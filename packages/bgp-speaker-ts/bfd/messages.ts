// What the main thread and the BFD thread tell each other.
import type { ValidSession } from './config.ts'
import type { DownReason } from './fsm.ts'
import type { BfdSnapshot } from './snapshot.ts'
import type { SocketRequest } from './sockets.ts'

/** A session's `id` is never used again: a late event cannot be taken for one of its successor. */
export type ToWorker =
  | { readonly kind: 'add' | 'update'; readonly id: number; readonly session: ValidSession }
  | { readonly kind: 'remove'; readonly id: number }
  | { readonly kind: 'snapshot'; readonly request: number }
  /** The answer to `open`. */
  | { readonly kind: 'opened'; readonly request: number; readonly fd: number }
  | {
      readonly kind: 'refused'
      readonly request: number
      readonly message: string
      readonly code: string | undefined
    }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'up'; readonly id: number }
  | { readonly kind: 'down'; readonly id: number; readonly reason: DownReason; readonly diagnostic: number }
  | { readonly kind: 'problem'; readonly id: number; readonly message: string }
  | { readonly kind: 'snapshot'; readonly request: number; readonly snapshot: BfdSnapshot }
  /** Asks for a socket that node:dgram cannot make. */
  | { readonly kind: 'open'; readonly request: number; readonly socket: SocketRequest }
  | { readonly kind: 'closed' }

/** The worker's start-up data. */
export interface WorkerOptions {
  /** Sockets come from the main thread by `open`. */
  readonly socketsFromMain: boolean
}
