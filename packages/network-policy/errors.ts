/** Errors of network policy. */

export type NetworkPolicyErrorCode =
  /** Something could not be removed. */
  | 'LEFT_BEHIND'
  /** It cannot be answered as it was asked. */
  | 'QUESTION'

export class NetworkPolicyError extends Error {
  override readonly name = 'NetworkPolicyError'
  readonly code: NetworkPolicyErrorCode

  constructor(code: NetworkPolicyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
