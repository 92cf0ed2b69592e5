// The messages between the main thread and the BFD thread.
import type { ValidSession } from './config.ts'
import type { DownReason } from './fsm.ts'
import type { BfdSnapshot } from './snapshot.ts'
import type { SocketRequest } from './sockets.ts'

/** Messages to the worker. An `id` is never reused, so that a late event is not taken for one of a later session. */
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
