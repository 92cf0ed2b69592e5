/** How the DaemonSet starts the agent's Node.js: benchmarks run what they measure in the same way. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'

const MANIFEST = resolve(import.meta.dirname, '../../deploy/podroute.yaml')

interface Container {
  readonly command: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string }[]
}

export interface NodeSettings {
  /** Options of Node.js itself. */
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export function agentSettings(): NodeSettings {
  const documents = parseAllDocuments(readFileSync(MANIFEST, 'utf8')).map((document) => document.toJS())
  const daemonSet = documents.find(({ kind }) => kind === 'DaemonSet')
  const { command, env }: Container = daemonSet.spec.template.spec.containers[0]
  return {
    flags: command.filter((word) => word.startsWith('--')),
    env: Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
  }
}
