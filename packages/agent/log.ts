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

export interface LogSettings {
  readonly level: LogLevel
  readonly format: LogFormat
}

/** A logger whose level and form can change. */
export interface ConfigurableLogger extends Logger {
  configure(settings: LogSettings): void
}

/** Writes a line per entry to standard output. `text` is for people: time, level, message, then the fields as JSON. */
export function createLogger(settings: LogSettings): ConfigurableLogger {
  const logger = winston.createLogger({
    level: settings.level,
    format: lineFormat(settings.format),
    transports: [new winston.transports.Console({ forceConsole: false })],
  })
  const write = (at: LogLevel) => (message: string, fields?: LogFields) => {
    logger.log({ level: at, message, fields })
  }
  return {
    ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    configure({ level, format }) {
      logger.level = level
      logger.format = lineFormat(format)
    },
  }
}

function lineFormat(format: LogFormat): winston.Logform.Format {
  return winston.format.combine(winston.format.timestamp(), format === 'json' ? jsonLine() : textLine())
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
