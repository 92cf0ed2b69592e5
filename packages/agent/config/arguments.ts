/** Words of the command line to the values of flags, as programs in Go take them: `--flag`, `--flag=value`, `--flag value`, `-f value`. */
import type { Flag, FlagTakes, FlagValue, FlagValues } from '@podroute/feature/flag.ts'
import { nearestName } from '@podroute/feature/nearest-name.ts'
import { parseBoolean, parseDuration } from './go-values.ts'

export type Option = Pick<Flag, 'name' | 'letter' | 'takes'>

export interface Arguments {
  readonly values: FlagValues
  readonly problems: readonly string[]
}

interface Word {
  /** As it was written, without a value: it may be a password. */
  readonly text: string
  readonly name: string
  readonly isLetter: boolean
  readonly value: string | undefined
}

const EXPECTED: Readonly<Record<FlagTakes, string>> = {
  bool: 'true or false',
  text: 'a value',
  list: 'a list such as one,two',
  number: 'a whole number',
  seconds: 'a duration such as 90s or 1m30s',
}

/** Of a flag that is given several times the last value counts; lists grow. */
export function readArguments(words: readonly string[], options: readonly Option[]): Arguments {
  const values = new Map<string, FlagValue>()
  const problems: string[] = []
  const ahead = [...words]
  for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
    const word = splitWord(next)
    const option = word && options.find((o) => (word.isLetter ? o.letter : o.name) === word.name)
    if (!word) problems.push(`${next}: not a flag`)
    else if (option) readOne(option, word, { ahead, values, problems })
    else {
      problems.push(`${word.text}: unknown flag${meant(word, options)}`)
      // What follows it may be its value.
      if (word.value === undefined && ahead[0] !== undefined && !ahead[0].startsWith('-')) ahead.shift()
    }
  }
  return { values, problems }
}

function splitWord(text: string): Word | undefined {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(text)
  if (long) return { text: `--${long[1]!}`, name: long[1]!, isLetter: false, value: long[2] }
  const short = /^-([a-zA-Z])=?(.+)?$/s.exec(text)
  return short ? { text: `-${short[1]!}`, name: short[1]!, isLetter: true, value: short[2] } : undefined
}

function readOne(
  { name, takes }: Option,
  word: Word,
  into: { ahead: string[]; values: Map<string, FlagValue>; problems: string[] },
): void {
  const { ahead, values, problems } = into
  const text = word.value ?? valueAhead(takes, ahead)
  const value = text === undefined ? undefined : convert(takes, text)
  if (value === undefined) {
    const given = text === undefined ? '' : `, not ${text}`
    problems.push(`${word.text}: ${EXPECTED[takes]}${given}`)
  } else if (Array.isArray(value)) values.set(name, [...((values.get(name) as string[]) ?? []), ...value])
  else values.set(name, value)
}

/** A switch alone is on. */
function valueAhead(takes: FlagTakes, ahead: string[]): string | undefined {
  const [next] = ahead
  if (takes === 'bool') return next === 'true' || next === 'false' ? ahead.shift() : 'true'
  return next === undefined || next.startsWith('--') ? undefined : ahead.shift()
}

function convert(takes: FlagTakes, text: string): FlagValue | undefined {
  switch (takes) {
    case 'bool':
      return parseBoolean(text)
    case 'seconds':
      return parseDuration(text)
    case 'number':
      return /^\d+$/.test(text) ? Number(text) : undefined
    case 'list':
      return text === '' ? [] : text.split(',').map((part) => part.trim())
    case 'text':
      return text
  }
}

function meant(word: Word, options: readonly Option[]): string {
  const names = options.map(({ name }) => name)
  const near = word.isLetter ? undefined : nearestName(word.name, names)
  return near === undefined ? ', --help names all' : `, did you mean --${near}?`
}
