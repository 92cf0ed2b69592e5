/** The agent's logger: constant messages, data in fields; winston behind it. */
import { describeError } from '@podroute/cluster/errors.ts'
import winston from 'winston'

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'json' | 'text'

/** Writes a line per entry to standard output. `text` is for people: time, level, message, then the fields as JSON. */
export function createLogger(level: LogLevel, format: LogFormat): Logger {
  const logger = winston.createLogger({
    level,
    format: winston.format.combine(winston.format.timestamp(), format === 'json' ? jsonLine() : textLine()),
    transports: [new winston.transports.Console({ forceConsole: false })],
  })
  const write = (at: LogLevel) => (message: string, fields?: LogFields) => {
    logger.log({ level: at, message, fields })
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

/** A logger that adds `fields` to every entry. */
export function withFields(log: Logger, fields: LogFields): Logger {
  const add = (at: LogLevel) => (message: string, more?: LogFields) =>
    log[at](message, { ...fields, ...more })
  return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') }
}

function jsonLine(): winston.Logform.Format {
  return winston.format.printf(({ timestamp, level, message, fields }) =>
    JSON.stringify({ time: timestamp, level, message, ...(fields as LogFields | undefined) }, replacer),
  )
}

function textLine(): winston.Logform.Format {
  return winston.format.printf(({ timestamp, level, message, fields }) => {
    const data = fields ? ` ${JSON.stringify(fields, replacer)}` : ''
    return `${timestamp} ${level.toUpperCase().padEnd(5)} ${message}${data}`
  })
}

/** Errors as code and message with their causes: JSON.stringify would write `{}`. */
function replacer(_key: string, value: unknown): unknown {
  if (value instanceof Error) return describeError(value)
  return typeof value === 'bigint' ? value.toString() : value
}
