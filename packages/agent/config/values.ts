/** The configuration as it is in effect, value by value, and where each comes from. Pure. */
import type { FeatureDefinition } from '@podroute/feature/feature.ts'
import { parseYaml } from '@podroute/feature/parse-yaml.ts'
import type { SectionInput } from '@podroute/feature/section.ts'
import { fileSchema } from './base.ts'
import type { Override } from './flags.ts'
import { withOverrides } from './overrides.ts'

export interface ConfigValue {
  /** `bgp.gracefulRestart.timeSeconds` */
  readonly path: string
  /** Lists are one value. Secrets are hidden. */
  readonly value: unknown
  readonly from: 'default' | 'file' | 'flags'
}

/** Keys whose values nobody is to see. */
const SECRET = /^password$/
const HIDDEN = '(hidden)'

/** Files of secrets are not read, and named only. */
const NOTHING_READ: SectionInput = {
  problem() {},
  readSecret: () => HIDDEN,
  trySecret: () => ({ text: HIDDEN }),
  readSecretIfThere: () => undefined,
}

/** @param text of a file that is good; else nothing is told */
export function configValues(
  text: string,
  overrides: readonly Override[],
  definitions: readonly Pick<FeatureDefinition, 'section'>[],
): readonly ConfigValue[] {
  const { file, flagged, whole } = readWhole(text, overrides, definitions)
  return leavesOf(whole ?? {}, []).flatMap(([path, value]): ConfigValue[] => {
    if (path.length === 0) return []
    const [ofFile, ofFlags] = [valueAt(file, path), valueAt(flagged, path)]
    const from = ofFlags === undefined ? 'default' : ofFlags === ofFile ? 'file' : 'flags'
    return [{ path: path.join('.'), value: withoutSecrets(value), from }]
  })
}

/** The same as one object. @returns undefined for a file that is not good */
export function shownConfig(
  text: string,
  overrides: readonly Override[],
  definitions: readonly Pick<FeatureDefinition, 'section'>[],
): object | undefined {
  const { whole } = readWhole(text, overrides, definitions)
  return whole && (withoutSecrets(whole) as object)
}

function readWhole(
  text: string,
  overrides: readonly Override[],
  definitions: readonly Pick<FeatureDefinition, 'section'>[],
) {
  const file = parseYaml(text, []) ?? {}
  const flagged = withOverrides(file, overrides, NOTHING_READ)
  const { data: whole } = fileSchema(definitions.map(({ section }) => section)).safeParse(flagged)
  return { file, flagged, whole }
}

function leavesOf(value: unknown, path: readonly string[]): [readonly string[], unknown][] {
  if (!isObject(value) || Object.keys(value).length === 0) return [[path, value]]
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
}

function valueAt(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return value
  return isObject(value) ? valueAt(value[key], rest) : undefined
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (!isObject(value)) return value
  const entries = Object.entries(value)
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, SECRET.test(key) ? HIDDEN : withoutSecrets(inner)]),
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
