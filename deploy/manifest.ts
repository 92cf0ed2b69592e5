/** How the DaemonSet starts the agent's Node.js: the build, tests and benchmarks do it in the same way. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'

const MANIFEST = resolve(import.meta.dirname, 'podroute.yaml')
/** Where the image has what the build makes. */
const INSTALLED = '/opt/podroute'

interface Container {
  readonly command: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string }[]
}

export interface NodeSettings {
  /** Options of Node.js itself, without the one that names the agent's snapshot. */
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export function agentSettings(): NodeSettings {
  const { command, env } = agentContainer()
  return {
    flags: command.filter((word) => word.startsWith('--') && !word.includes(INSTALLED)),
    env: Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
  }
}

/** The command of the DaemonSet for an agent that was built into another folder, run by the Node.js that runs this. */
export function agentCommand(dist: string): readonly string[] {
  const [, ...words] = agentContainer().command
  return [process.execPath, ...words.map((word) => word.replace(INSTALLED, join(dist)))]
}

function agentContainer(): Container {
  const documents = parseAllDocuments(readFileSync(MANIFEST, 'utf8')).map((document) => document.toJS())
  const daemonSet = documents.find(({ kind }) => kind === 'DaemonSet')
  return daemonSet.spec.template.spec.containers[0]
}
