/**
 * Flags of the command line that stand for keys of the configuration file, such as those of another program whose users come over:
 * what each is given, and what becomes of it. They win over the file.
 */

/** `list`: words between commas, or the flag several times; `seconds`: a duration such as 90s, 1m30s. */
export type FlagTakes = 'bool' | 'text' | 'list' | 'number' | 'seconds'
export type FlagValue = boolean | string | number | readonly string[]

export interface FlagInput {
  /** The text of a file that holds a secret. A file that cannot be read is a problem at `path`; undefined then. */
  readSecret(file: string, path: string): string | undefined
  /** Names something that the schema cannot see, with its path: `peers[0].password`. */
  problem(path: string, message: string): void
}

export type FlagEffect =
  | { readonly kind: 'set'; readonly path: readonly string[]; readonly value: unknown }
  /** The key's value from what the file says. What it reads is read again when it changes. */
  | {
      readonly kind: 'edit'
      readonly path: readonly string[]
      edit(now: unknown, input: FlagInput): unknown
    }
  /** Nothing is set: why not, and what is so instead. */
  | { readonly kind: 'note'; readonly text: string }
  /** To go on without would do harm: what to do instead. */
  | { readonly kind: 'refuse'; readonly text: string }

/** Values of the flags that were given, by name. */
export type FlagValues = ReadonlyMap<string, FlagValue>

export interface Flag {
  readonly name: string
  /** `v` of `-v`. */
  readonly letter?: string
  readonly takes: FlagTakes
  /** Paths of the keys that it may set: `bgp.port`. */
  readonly keys: readonly string[]
  /** Of the flag that was given so. */
  effects(value: FlagValue, all: FlagValues): readonly FlagEffect[]
}

const NOTHING: readonly FlagEffect[] = []

/** A flag that is a key of the file. */
export function sets(
  name: string,
  takes: FlagTakes,
  key: string,
  convert: (value: FlagValue) => unknown = (value) => value,
): Flag {
  const path = key.split('.')
  return { name, takes, keys: [key], effects: (value) => [{ kind: 'set', path, value: convert(value) }] }
}

/** A flag whose effect depends on its value; undefined: it is so anyway. */
export function judged<V extends FlagValue>(
  name: string,
  takes: FlagTakes,
  keys: readonly string[],
  judge: (value: V, all: FlagValues) => FlagEffect | readonly FlagEffect[] | undefined,
): Flag {
  return { name, takes, keys, effects: (value, all) => [judge(value as V, all) ?? NOTHING].flat() }
}

/** A flag that says nothing here, whatever its value. */
export function meaningless(name: string, takes: FlagTakes, why: string): Flag {
  return { name, takes, keys: [], effects: () => [{ kind: 'note', text: why }] }
}

/** A flag that another one reads; without that one it is a mistake. */
export function partOf(name: string, takes: FlagTakes, whole: string, keys: readonly string[] = []): Flag {
  const effects: Flag['effects'] = (_, all) =>
    all.has(whole) ? NOTHING : [{ kind: 'refuse', text: `it says nothing without --${whole}` }]
  return { name, takes, keys, effects }
}

export const note = (text: string): FlagEffect => ({ kind: 'note', text })
export const refuse = (text: string): FlagEffect => ({ kind: 'refuse', text })
export const set = (key: string, value: unknown): FlagEffect => ({
  kind: 'set',
  path: key.split('.'),
  value,
})
