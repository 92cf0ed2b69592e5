/** Pods of agents as the DaemonSet would have them, which a scheduler and kubelets would run; where there is neither they are objects only. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { AgentCluster } from './agent-cluster.ts'
import { addressesOf, type TestNode } from './agent-network.ts'

const MANIFEST = resolve(import.meta.dirname, '../../deploy/podroute.yaml')

/** The pod of a node's agent, with the node's address, as the kubelet reports it. */
export async function makeAgentPod(cluster: AgentCluster, node: TestNode): Promise<void> {
  const documents = parseAllDocuments(await readFile(MANIFEST, 'utf8'))
  const daemonSet = documents.map((document) => document.toJS()).find(({ kind }) => kind === 'DaemonSet')
  const { metadata, spec } = daemonSet.spec.template
  const { namespace } = daemonSet.metadata
  const name = agentPod(node)
  await cluster.apply({
    ...{ apiVersion: 'v1', kind: 'Pod', spec: { ...spec, nodeName: node.name } },
    metadata: { ...metadata, name, namespace },
  })
  await cluster.podRuns(name, addressesOf(node), namespace)
}

export const agentPod = ({ name }: TestNode): string => `podroute-${name}`
