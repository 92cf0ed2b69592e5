/** Errors that the command line shows as one line. */

export type CliErrorCode = 'not-running' | 'denied' | 'silent' | 'answer' | 'no-page'

export class CliError extends Error {
  readonly code: CliErrorCode
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CliError'
    this.code = code
  }
}
