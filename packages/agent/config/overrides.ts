/** Flags become keys of the configuration file, so that one schema checks both. Pure. */
import type { SectionInput } from '@podroute/feature/section.ts'
import type { Flags } from './flags.ts'

export function withOverrides(file: unknown, overrides: Flags['overrides'], input: SectionInput): unknown {
  return overrides.reduce((whole, override) => {
    const change = (now: unknown) => (override.kind === 'set' ? override.value : override.edit(now, input))
    return put(whole, override.path, change)
  }, file)
}

/** What is no object stays as it is: the schema says so. */
function put(file: unknown, [key, ...rest]: readonly string[], change: (now: unknown) => unknown): unknown {
  if (key === undefined) return change(file)
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return file
  const inner = (file as Record<string, unknown>)[key]
  return { ...file, [key]: put(rest.length === 0 ? inner : (inner ?? {}), rest, change) }
}
