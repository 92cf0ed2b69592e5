/** Errors that the command line shows as one line, and the exit status that each stands for. */
import { CommanderError } from 'commander'

export type CliErrorCode = 'not-running' | 'denied' | 'silent' | 'answer' | 'no-page' | 'usage'

export class CliError extends Error {
  readonly code: CliErrorCode
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CliError'
    this.code = code
  }
}

/** The answer is there, and says that something is wrong. */
export const EXIT_NOT_WELL = 3

/** For `podroute --help`. */
export const EXIT_STATUS =
  '\nExit status: 0 when the agent has answered, 1 when it cannot be asked, 2 when there is no such page or option,' +
  '\n3 when what was asked for a verdict is not well.'

export function exitStatus(error: unknown): number {
  // Help and version end the parsing, too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  return error instanceof CliError && (error.code === 'no-page' || error.code === 'usage') ? 2 : 1
}
