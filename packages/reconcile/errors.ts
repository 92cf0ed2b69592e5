/** What can go wrong inside this package itself; errors of resources are passed on as they are. */

export type ReconcileErrorCode =
  /** `apply` answered with another number of outcomes than it was given ops. */
  | 'OUTCOMES_MISMATCH'
  /** `apply` was rejected: nothing is known about its ops. */
  | 'APPLY_REJECTED'

export class ReconcileError extends Error {
  readonly code: ReconcileErrorCode
  readonly resource: string

  constructor(code: ReconcileErrorCode, resource: string, options?: ErrorOptions) {
    super(`${resource}: ${code}`, options)
    this.name = 'ReconcileError'
    this.code = code
    this.resource = resource
  }
}
