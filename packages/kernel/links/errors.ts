/** Errors of Resources that stand on a link. */

export type LinkErrorCode = 'not-a-bridge' | 'no-bridge' | 'no-port'

export class LinkError extends Error {
  readonly code: LinkErrorCode
  constructor(code: LinkErrorCode, message: string) {
    super(message)
    this.name = 'LinkError'
    this.code = code
  }
}
