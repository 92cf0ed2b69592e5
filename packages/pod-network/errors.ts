/** Errors of the pod network. */

export type PodNetworkErrorCode =
  | 'no-speaker'
  | 'listen'
  /** Something could not be removed when the pod network was switched off. */
  | 'left-behind'

export class PodNetworkError extends Error {
  readonly code: PodNetworkErrorCode
  constructor(code: PodNetworkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PodNetworkError'
    this.code = code
  }
}
