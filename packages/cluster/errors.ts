/** Errors of what is read from the API server and written to it. */

export type ClusterErrorCode = 'no-api-server' | 'api-status' | 'api-decode'

export class ClusterError extends Error {
  readonly code: ClusterErrorCode

  constructor(code: ClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ClusterError'
    this.code = code
  }
}

/** An answer of the API server other than success; `status` is the HTTP status, or the code of a watch's ERROR event. */
export class ApiStatusError extends ClusterError {
  readonly status: number
  /** The API's word for it: `NotFound`; empty where it says none. */
  readonly reason: string

  constructor(status: number, message: string, reason = '') {
    super('api-status', message)
    this.status = status
    this.reason = reason
  }

  /** The resource version is too old: list again (HTTP 410). */
  get expired(): boolean {
    return this.status === 410
  }

  get notFound(): boolean {
    return this.status === 404
  }

  /** There is an object of that name. */
  get alreadyExists(): boolean {
    return this.status === 409 && this.reason === 'AlreadyExists'
  }
}

/** The object is no longer of the version that a change was made for, or another manager holds a field: read it again. */
export class ConflictError extends ApiStatusError {
  constructor(message: string, reason = 'Conflict') {
    super(409, message, reason)
  }
}

/** One line for an error and the errors that caused it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' && !error.message.includes(error.code)
  const text = code ? `${error.message} (${(error as { code?: string }).code})` : error.message
  return error.cause === undefined ? text : `${text}: ${describeError(error.cause)}`
}
