/** Errors of the pod network. */

export type PodNetworkErrorCode = 'not-a-bridge' | 'no-bridge' | 'no-speaker'

export class PodNetworkError extends Error {
  readonly code: PodNetworkErrorCode
  constructor(code: PodNetworkErrorCode, message: string) {
    super(message)
    this.name = 'PodNetworkError'
    this.code = code
  }
}
