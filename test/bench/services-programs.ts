/** What serves the Services in the benchmark: the agent as it ships, or kube-proxy. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Program } from './services-node.ts'
import { NODE_ADDRESS, NODE_NAME, SERVICE_RANGE } from './services-objects.ts'

const MANIFEST = resolve(import.meta.dirname, '../../deploy/podroute.yaml')

interface Container {
  readonly command: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string }[]
}

/** @param directory with `dist/` and `admin.kubeconfig`; configuration is written there */
export function agentProgram(directory: string): Program {
  const config = join(directory, 'agent.yaml')
  writeFileSync(
    config,
    `asn: 64512\nserviceProxy: { serviceCIDRs: [${SERVICE_RANGE}] }\nlog: { level: info }\n`,
  )
  const { command, env } = manifestContainer()
  const flags = command.filter((word) => word.startsWith('--'))
  return {
    command: [
      ...[process.execPath, ...flags, join(directory, 'dist', 'agent.mjs'), '--config', config],
      ...['--node-name', NODE_NAME, '--kubeconfig', join(directory, 'admin.kubeconfig')],
    ],
    env: Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
  }
}

/** The agent's container in the DaemonSet: it runs here with the same flags and environment. */
function manifestContainer(): Container {
  const documents = parseAllDocuments(readFileSync(MANIFEST, 'utf8')).map((document) => document.toJS())
  return documents.find(({ kind }) => kind === 'DaemonSet').spec.template.spec.containers[0]
}

export type ProxyMode = 'nftables' | 'ipvs'

export function kubeProxyProgram(directory: string, binary: string, mode: ProxyMode): Program {
  const config = join(directory, `kube-proxy-${mode}.json`)
  const configuration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    hostnameOverride: NODE_NAME,
    bindAddress: NODE_ADDRESS,
    clusterCIDR: '10.244.0.0/16',
    clientConnection: { kubeconfig: join(directory, 'admin.kubeconfig') },
    conntrack: { maxPerCore: 0, min: 0 },
  }
  writeFileSync(config, JSON.stringify(configuration))
  return { command: [binary, `--config=${config}`] }
}
