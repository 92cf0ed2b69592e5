/** What pods and agents are asked to try, and what has to come of it. */

import type { Family } from '@podroute/address/address.ts'

/** Where a probe goes, and what has to come of it. */
export interface Probe {
  readonly id: number
  readonly kind: 'tcp' | 'udp' | 'lookup'
  /** An address; of a look-up: the name without the cluster's domain. */
  readonly host: string
  readonly port: number
  readonly family: Family
  readonly expect: Expectation
}

export type Expectation =
  /** A server of ours answers, `bytes` long in both directions. */
  | {
      readonly kind: 'answer'
      /** Who may. */
      readonly names: readonly string[]
      /** Each of them does, when it is asked often enough. */
      readonly each?: boolean
      /** One of them does, always the same. */
      readonly same?: boolean
      /** As whom it sees the one that asks. */
      readonly client?: string
      readonly bytes?: number
    }
  /** Nobody answers. */
  | { readonly kind: 'silence' }
  /** The host is there: a refused connection shows it, too. */
  | { readonly kind: 'reached' }
  /** Somebody takes the connection. */
  | { readonly kind: 'open' }
  /** Of a look-up: these addresses. */
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }

export interface Outcome {
  readonly id: number
  /** '': as it has to be. */
  readonly problem: string
  /** Of the last connection that had an answer. */
  readonly milliseconds: number
}

export interface Patience {
  /** Milliseconds for which what does not work is tried again: Services take a moment. */
  readonly settle: number
  /** Milliseconds for one connection. */
  readonly connection: number
}
