/** What serves the Services in the benchmark: the agent as it ships, or kube-proxy. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { agentCommand, agentSettings } from '../../deploy/manifest.ts'
import type { Program } from './services-node.ts'
import { type BenchNodeObject, NODE, SERVICE_RANGE } from './services-objects.ts'

/** @param directory with `dist/` and `admin.kubeconfig`; configuration is written there */
export function agentProgram(directory: string, node: BenchNodeObject = NODE): Program {
  const config = join(directory, 'agent.yaml')
  writeFileSync(config, `asn: 64512\nserviceCIDRs: [${SERVICE_RANGE}]\nlog: { level: info }\n`)
  const { env } = agentSettings()
  return {
    command: [
      ...[...agentCommand(join(directory, 'dist')), '--config', config],
      ...['--node-name', node.name, '--kubeconfig', join(directory, 'admin.kubeconfig')],
    ],
    env,
  }
}

export type ProxyMode = 'nftables' | 'ipvs'

export function kubeProxyProgram(directory: string, binary: string, mode: ProxyMode): Program {
  const config = join(directory, `kube-proxy-${mode}.json`)
  const configuration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    hostnameOverride: NODE.name,
    bindAddress: NODE.address,
    clusterCIDR: '10.244.0.0/16',
    clientConnection: { kubeconfig: join(directory, 'admin.kubeconfig') },
    conntrack: { maxPerCore: 0, min: 0 },
  }
  writeFileSync(config, JSON.stringify(configuration))
  return { command: [binary, `--config=${config}`] }
}
