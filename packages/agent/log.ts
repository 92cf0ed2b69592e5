/** The agent's logger: constant messages, data in fields, a line each. */
import { describeError } from '@podroute/cluster/errors.ts'
import { NoiseLimit, type NoiseSettings } from '@podroute/cluster/events/noise-limit.ts'

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
  /** Lines that were only counted, because too many of their message came. */
  readonly heldBack: number
}

/** Where lines go, and what time it is. */
export interface LogOutput {
  write(line: string): void
  now(): Date
}

// A logging library is half a megabyte of memory for these lines.
const STANDARD_OUTPUT: LogOutput = { write: (line) => process.stdout.write(line), now: () => new Date() }

/**
 * Of one message. Most lines follow from what others do: whoever changes an object a thousand times must not fill the disk, nor push out
 * what else is said. Lines of `debug` are asked for.
 */
const NOISE: NoiseSettings = { burst: 200, first: 10_000, max: 60_000 }

/** Writes a line per entry; one that follows others that were held back says how many. `text` is for people: time, level, message, then the fields as JSON. */
export function createLogger(settings: LogSettings, output: LogOutput = STANDARD_OUTPUT): ConfigurableLogger {
  let current = settings
  let heldBack = 0
  const limit = new NoiseLimit(NOISE)
  const held = new Map<string, number>()
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(current.level)) return
    const now = output.now()
    const before = held.get(message) ?? 0
    if (level !== 'debug' && limit.wait(message, now.getTime()) > 0) {
      heldBack++
      held.set(message, before + 1)
      return
    }
    if (level !== 'debug') limit.take(message, now.getTime())
    held.delete(message)
    const line = current.format === 'json' ? jsonLine : textLine
    const all = before > 0 ? { ...fields, heldBack: before } : fields
    output.write(`${line(now.toISOString(), level, message, all)}\n`)
  }
  return {
    ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    configure(next) {
      current = next
    },
    get heldBack() {
      return heldBack
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
