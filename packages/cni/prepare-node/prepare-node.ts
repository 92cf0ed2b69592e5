// `prepare-node [--install-cni=DIRECTORY] OUT KUBECONFIG…`: what has to be done before the agent, in a container that may do more: it puts the
// CNI plugins there, takes over from the kubelet's files where the API server is and nothing else, and loads kernel modules. The agent's
// own `prepare-node` does the same, when Node.js has started, and is asked where this one has no answer.

import { makeDirectories } from '../host-local/directories.ts'
import { install } from '../install/install.ts'
import { type System, unless } from '../system.ts'
import { serverOf } from './kubeconfig.ts'
import { loadModules } from './modules.ts'

const INSTALL = '--install-cni='
const FAILED = 1
/** Nothing has been done or said: the agent's own is to do it. */
const NOT_UNDERSTOOD = 2

interface Found {
  readonly file: string
  /** Undefined: there is no such file. */
  readonly server: string | undefined
}

/** Undefined where one of the files is not understood. */
function findServers(system: System, kubeconfigs: readonly string[]): readonly Found[] | undefined {
  const found: Found[] = []
  for (const file of kubeconfigs) {
    const text = unless(['ENOENT', 'ENOTDIR'], () => system.readFile(file))
    const server = text === undefined ? undefined : serverOf(text)
    if (text !== undefined && server === undefined) return undefined
    found.push({ file, server })
  }
  return found
}

/** Without credentials. */
const serverOnly = (server: string): string =>
  JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'node' },
    clusters: [{ name: 'node', cluster: { server } }],
    contexts: [{ name: 'node', context: { cluster: 'node', user: 'none' } }],
    users: [{ name: 'none', user: {} }],
  })

/** Writes for each kubeconfig one of the same name. @returns what is to be said */
function takeServers(system: System, out: string, found: readonly Found[]): string[] {
  makeDirectories(system, out)
  return found.map(({ file, server }) => {
    if (server === undefined) return `there is no ${file}`
    system.writeFile(`${out}/${file.slice(file.lastIndexOf('/') + 1)}`, serverOnly(server), 0o644)
    return `${file}: the API server is ${server}`
  })
}

/** @returns the exit status: 0, 1 where the CNI plugins could not be installed, 2 where nothing was done */
export function prepareNode(system: System, words: readonly string[], modules: readonly string[]): number {
  const plugins = words.find((word) => word.startsWith(INSTALL))?.slice(INSTALL.length)
  const [out, ...kubeconfigs] = words.filter((word) => !word.startsWith('--'))
  const found = out === undefined ? undefined : findServers(system, kubeconfigs)
  if (out === undefined || found === undefined) return NOT_UNDERSTOOD
  const installed = plugins === undefined ? 0 : install(system, [plugins, '--force'])
  const say = (line: string) => system.writeOutput(`${line}\n`)
  for (const line of takeServers(system, out, found)) say(line)
  for (const [name, outcome] of loadModules(system, modules))
    if (!outcome.ok) say(`module ${name} is not loaded: ${outcome.reason}`)
  return installed === 0 ? 0 : FAILED
}
