/** Where the API server may be, best guess first: nothing here needs a Service address, because nothing else provides one yet. */
import { existsSync } from 'node:fs'
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { familyOf, readAddress } from '@podroute/address/address.ts'

export interface ServerCandidate {
  /** Where the URL is from, for people. */
  readonly source: string
  readonly kubeConfig: KubeConfig
}

export interface ServerSettings {
  /** `https://…` of the configuration. */
  readonly apiServer: string | undefined
  /** A kubeconfig that replaces the pod's ServiceAccount. */
  readonly kubeconfig: string | undefined
  /** Kubeconfigs of the node's kubelet: only the server's URL is used. */
  readonly kubeletKubeconfigs: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Directory with the ServiceAccount's token and ca.crt. */
  readonly serviceAccount: string
}

export const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Every way there is, in the order of trying; `skipped` says why others are none. */
export function serverCandidates(settings: ServerSettings): {
  readonly candidates: readonly ServerCandidate[]
  readonly skipped: readonly string[]
} {
  const skipped: string[] = []
  if (settings.kubeconfig !== undefined) {
    const kubeConfig = load(settings.kubeconfig, skipped)
    return { candidates: kubeConfig ? [{ source: settings.kubeconfig, kubeConfig }] : [], skipped }
  }
  const urls: { source: string; server: string }[] = []
  if (settings.apiServer !== undefined) urls.push({ source: 'configuration', server: settings.apiServer })
  for (const file of settings.kubeletKubeconfigs) {
    const server = load(file, skipped)?.getCurrentCluster()?.server
    if (server) urls.push({ source: file, server })
  }
  const fromEnvironment = environmentServer(settings.env)
  if (fromEnvironment) urls.push({ source: 'KUBERNETES_SERVICE_HOST', server: fromEnvironment })
  else skipped.push('KUBERNETES_SERVICE_HOST is not set')
  const distinct = urls.filter((url, i) => urls.findIndex((other) => other.server === url.server) === i)
  return {
    candidates: distinct.map(({ source, server }) => ({
      source,
      kubeConfig: asServiceAccount(server, settings.serviceAccount),
    })),
    skipped,
  }
}

function environmentServer(env: ServerSettings['env']): string | undefined {
  const host = env.KUBERNETES_SERVICE_HOST
  if (!host) return undefined
  const isIpv6 = familyOf(host) === 6 && readAddress(host) !== undefined
  return `https://${isIpv6 ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT ?? '443'}`
}

/** The token is read again as it rotates (client-node's tokenFile provider). */
function asServiceAccount(server: string, directory: string): KubeConfig {
  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromClusterAndUser(
    { name: 'cluster', server, caFile: `${directory}/ca.crt`, skipTLSVerify: false },
    { name: 'agent', authProvider: { name: 'tokenFile', config: { tokenFile: `${directory}/token` } } },
  )
  return kubeConfig
}

function load(file: string, skipped: string[]): KubeConfig | undefined {
  if (!existsSync(file)) {
    skipped.push(`there is no ${file}`)
    return undefined
  }
  try {
    const kubeConfig = new KubeConfig()
    kubeConfig.loadFromFile(file)
    if (!kubeConfig.getCurrentCluster()) throw new Error('no current cluster')
    return kubeConfig
  } catch (error) {
    skipped.push(`${file} cannot be used: ${(error as Error).message}`)
    return undefined
  }
}
