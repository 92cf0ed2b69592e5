/**
 * `prepare-node [--install-cni=DIRECTORY] OUT KUBECONFIG…`: runs before the agent, in a container that may do more. It puts the CNI plugins
 * there, loads kernel modules, and takes over from the kubelet's files where the API server is and nothing else: the agent sees no
 * credentials of the node. One container for all: a kubelet looks once a second whether an init container has ended, and the first pods of
 * a node wait for it.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { serverCandidates } from '@podroute/cluster/api/servers.ts'
import { loadModules } from '@podroute/linux/modules.ts'

const INSTALLER = '/opt/podroute/cni/podroute-cni'
const INSTALL = '--install-cni='

export interface Preparation {
  /** What was done and what was not, for people. */
  readonly said: readonly string[]
  /** Not 0: the agent must not start. */
  readonly status: number
}

export async function prepareNode(
  words: readonly string[],
  modules: readonly string[],
  installer = INSTALLER,
): Promise<Preparation> {
  const plugins = words.find((word) => word.startsWith(INSTALL))?.slice(INSTALL.length)
  const [out, ...kubeconfigs] = words.filter((word) => !word.startsWith('--'))
  if (out === undefined)
    return { said: ['usage: prepare-node [--install-cni=DIRECTORY] OUT KUBECONFIG…'], status: 2 }
  const installed = plugins === undefined ? { said: [], status: 0 } : install(installer, plugins)
  return {
    ...installed,
    said: [...installed.said, ...takeServers(out, kubeconfigs), ...(await load(modules))],
  }
}

/** Nodes have plugins with the same names, of Kubernetes' packages for one: those are kept beside ours, and `podroute cleanup` puts them back. */
function install(program: string, directory: string): Preparation {
  const { status, stdout, stderr, error } = spawnSync(program, ['install', directory, '--force'], {
    encoding: 'utf8',
  })
  if (error) return { said: [`${program} cannot be run: ${error.message}`], status: 1 }
  return { said: `${stdout}${stderr}`.trim().split('\n'), status: status ?? 1 }
}

/** Writes for each kubeconfig one of the same name that holds the server's URL only. */
export function takeServers(out: string, kubeconfigs: readonly string[]): string[] {
  mkdirSync(out, { recursive: true })
  return kubeconfigs.flatMap((file) => {
    const { candidates, skipped } = serverCandidates({
      ...{ apiServer: undefined, kubeconfig: undefined, kubeletKubeconfigs: [file] },
      ...{ env: {}, serviceAccount: out },
    })
    const server = candidates[0]?.kubeConfig.getCurrentCluster()?.server
    if (server === undefined) return skipped.filter((why) => why.includes(file))
    writeFileSync(join(out, basename(file)), JSON.stringify(serverOnly(server)))
    return [`${file}: the API server is ${server}`]
  })
}

function serverOnly(server: string): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'node' },
    clusters: [{ name: 'node', cluster: { server } }],
    contexts: [{ name: 'node', context: { cluster: 'node', user: 'none' } }],
    users: [{ name: 'none', user: {} }],
  }
}

async function load(modules: readonly string[]): Promise<string[]> {
  const outcomes = await loadModules([...new Set(modules)])
  return [...outcomes].flatMap(([name, outcome]) =>
    outcome.ok ? [] : [`module ${name} is not loaded: ${outcome.reason}`],
  )
}
