/**
 * `prepare-node OUT KUBECONFIG…`: runs before the agent, in a container that may do more. It loads kernel modules, and takes over from the
 * kubelet's files where the API server is and nothing else: the agent sees no credentials of the node.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { serverCandidates } from '@podroute/cluster/api/servers.ts'
import { loadModules } from '@podroute/linux/modules.ts'

/** @returns what was done and what was not, for people */
export async function prepareNode(words: readonly string[], modules: readonly string[]): Promise<string[]> {
  const [out, ...kubeconfigs] = words
  if (out === undefined) return ['usage: prepare-node OUT KUBECONFIG…']
  return [...takeServers(out, kubeconfigs), ...(await load(modules))]
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
