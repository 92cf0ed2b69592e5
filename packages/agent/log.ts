/** The agent's logger: constant messages, data in fields, a line each. */
import { describeError } from '@podroute/cluster/errors.ts'

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

export type LogLevel = (typeof LEVELS)[number]
export type LogFormat = 'json' | 'text'

export interface LogSettings {
  readonly level: LogLevel
  readonly format: LogFormat
}

/** A logger whose level and form can change. */
export interface ConfigurableLogger extends Logger {
  configure(settings: LogSettings): void
}

/** Where lines go, and what time it is. */
export interface LogOutput {
  write(line: string): void
  now(): Date
}

// A logging library is half a megabyte of memory for these lines.
const STANDARD_OUTPUT: LogOutput = { write: (line) => process.stdout.write(line), now: () => new Date() }

/** Writes a line per entry. `text` is for people: time, level, message, then the fields as JSON. */
export function createLogger(settings: LogSettings, output: LogOutput = STANDARD_OUTPUT): ConfigurableLogger {
  let current = settings
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(current.level)) return
    const line = current.format === 'json' ? jsonLine : textLine
    output.write(`${line(output.now().toISOString(), level, message, fields)}\n`)
  }
  return {
    ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    configure(next) {
      current = next
    },
  }
}

type Line = (time: string, level: LogLevel, message: string, fields?: LogFields) => string

const jsonLine: Line = (time, level, message, fields) =>
  JSON.stringify({ time, level, message, ...fields }, replacer)

const textLine: Line = (time, level, message, fields) => {
  const data = fields ? ` ${JSON.stringify(fields, replacer)}` : ''
  return `${time} ${level.toUpperCase().padEnd(5)} ${message}${data}`
}

/** Errors as code and message with their causes: JSON.stringify would write `{}`. */
function replacer(_key: string, value: unknown): unknown {
  if (value instanceof Error) return describeError(value)
  return typeof value === 'bigint' ? value.toString() : value
}
