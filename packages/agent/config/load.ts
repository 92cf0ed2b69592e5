/** From the texts of the configuration file and its secrets to a valid configuration, or to every problem with its path. */
import { dirname } from 'node:path'
import type { FeatureDefinition } from '@podroute/feature/feature.ts'
import { findingsOf } from '@podroute/feature/findings.ts'
import { parseYaml } from '@podroute/feature/parse-yaml.ts'
import { pathText } from '@podroute/feature/path-text.ts'
import type { SectionInput } from '@podroute/feature/section.ts'
import { ConfigError } from '../errors.ts'
import { type BaseFile, fileSchema } from './base.ts'
import type { Flags } from './flags.ts'
import { type MetricsCertificate, metricsCertificate, nodeListeners } from './listeners.ts'
import { withOverrides } from './overrides.ts'

/** What the agent runs with: parsed once, never checked again. */
export interface Config extends BaseFile {
  /** Settings of each feature by its name; a feature that is not there is switched off. */
  readonly features: ReadonlyMap<string, unknown>
  readonly metricsCertificate: MetricsCertificate | undefined
}

const NO_NODE_ADDRESSES =
  'the node’s addresses are not known: set NODE_IPS to status.podIPs, as podroute.yaml does'

type Definitions = readonly Pick<FeatureDefinition, 'name' | 'section'>[]

/** @throws Error when the file cannot be read */
export type ReadFile = (path: string) => string

/** Reads, checks and merges. @param folderExists where a file may be or not, nobody waits for its folder @throws ConfigError with every problem */
export function loadConfig(
  flags: Pick<Flags, 'configFile' | 'overrides' | 'nodeAddresses'>,
  definitions: Definitions,
  read: ReadFile,
  folderExists: (path: string) => boolean = () => true,
): Config {
  const problems: string[] = []
  const input = sectionInput(read, folderExists, problems)
  const text = readOr(flags.configFile, read, problems)
  const file = text === undefined ? undefined : parseFile(text, flags, definitions, { input, problems })
  if (!file || problems.length > 0) throw new ConfigError(problems)
  const features = new Map<string, unknown>()
  for (const { name, section } of definitions) {
    const settings = section.settings(file, input)
    if (settings !== undefined) features.set(name, settings)
  }
  const certificate = metricsCertificate((file as BaseFile).metrics, input)
  if (flags.nodeAddresses.length === 0)
    for (const path of nodeListeners(file)) input.problem(path, NO_NODE_ADDRESSES)
  if (problems.length > 0) throw new ConfigError(problems)
  return { ...(file as BaseFile), features, metricsCertificate: certificate }
}

/** The text as a checked file, overrides applied; undefined when `problems` were found. An empty text is all defaults. */
function parseFile(
  text: string,
  { overrides }: Pick<Flags, 'overrides'>,
  definitions: Definitions,
  { input, problems }: { readonly input: SectionInput; readonly problems: string[] },
): Record<string, unknown> | undefined {
  const file = parseYaml(text, problems)
  if (problems.length > 0) return undefined
  const schema = fileSchema(definitions.map(({ section }) => section))
  const result = schema.safeParse(withOverrides(file ?? {}, overrides, input))
  if (result.success) return result.data
  for (const { path, message } of findingsOf(schema, result.error))
    problems.push(`${pathText(path)}: ${message}`)
  return undefined
}

function sectionInput(
  read: ReadFile,
  folderExists: (path: string) => boolean,
  problems: string[],
): SectionInput {
  return {
    problem: (path, message) => void problems.push(`${path}: ${message}`),
    readSecret(file, path) {
      const found = trySecret(file, read)
      if ('text' in found) return found.text
      problems.push(`${path}: ${found.problem}`)
      return undefined
    },
    trySecret: (file) => trySecret(file, read),
    readSecretIfThere(file) {
      // Its folder is what a Pod mounts: one that is missing now comes with another Pod.
      const found = folderExists(dirname(file)) ? trySecret(file, read) : undefined
      return found && 'text' in found ? found.text : undefined
    },
  }
}

/** The content byte for byte, without the one line feed at its end that editors and `echo` put there. */
function trySecret(file: string, read: ReadFile): { readonly text: string } | { readonly problem: string } {
  const problems: string[] = []
  const text = readOr(file, read, problems)?.replace(/\n$/, '')
  if (text === undefined) return { problem: problems[0]! }
  if (text === '') return { problem: `${file} is empty` }
  // What is no UTF-8 is read as this character.
  return text.includes('\ufffd') ? { problem: `${file} is not UTF-8` } : { text }
}

function readOr(file: string, read: ReadFile, problems: string[], path?: string): string | undefined {
  try {
    return read(file)
  } catch (error) {
    problems.push(`${path ? `${path}: ` : ''}cannot read ${file}: ${(error as Error).message}`)
    return undefined
  }
}
