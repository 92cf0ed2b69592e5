// The error that a plugin answers with, and the codes of the CNI specification.

/** CNI specification 1.1.0, "Error": what each code means. */
export const ErrorCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  inputOutput: 5,
  decoding: 6,
  invalidConfiguration: 7,
  invalidNamespace: 8,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  limitedConnectivity: 51,
  internal: 999,
} as const

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

/** Becomes the error JSON on standard output. `code` may be another plugin's own (100 and above). */
export class CniError extends Error {
  readonly code: number
  readonly details: string | undefined

  constructor(code: number, message: string, details?: string) {
    super(message)
    this.name = 'CniError'
    this.code = code
    this.details = details
  }
}

/** A failure that the specification has no code for: the reference plugins answer 999 as well. */
export function failure(message: string, cause?: unknown): CniError {
  return new CniError(ErrorCode.internal, cause === undefined ? message : `${message}: ${messageOf(cause)}`)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Any failure as the error to answer with. */
export function asCniError(error: unknown): CniError {
  return error instanceof CniError ? error : failure(messageOf(error))
}
