/** The little that this package asks of a logger: constant messages, data in fields. */

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
