// Cluster DNS where the kubelets send every pod's questions: CoreDNS beside the control plane, where nothing is
// emulated, reached through a Service like any other.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { API_ADDRESS, LAB_NAMESPACE } from '../addresses.ts'
import { attempt } from '../command.ts'
import { Processes } from '../processes.ts'
import { apply, waitFor } from '../scenarios/cluster.ts'
import { KUBECONFIG, STATE } from '../state.ts'
import { buildUpstream } from './programs.ts'

/** The kubelet's `clusterDNS`. */
export const DNS_ADDRESS = '10.96.0.10'

const NAME = 'coredns'
const READY_PORT = 8181

const COREFILE = `.:53 {
    bind ${API_ADDRESS}
    errors
    ready 127.0.0.1:${READY_PORT}
    cache 30
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${KUBECONFIG}
        pods insecure
    }
}
`

/** The Service that upstream's tests know, without a selector, and its endpoint. */
function objects(): object[] {
  const metadata = { name: 'kube-dns', namespace: 'kube-system' }
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  ]
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, labels: { 'k8s-app': 'kube-dns' } },
      spec: { clusterIP: DNS_ADDRESS, ports },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [API_ADDRESS], conditions: { ready: true } }],
      ports,
    },
  ]
}

/** Resolves when it answers: a second after the first call, at once after the others. */
export async function startDns(): Promise<void> {
  const processes = await Processes.load(STATE)
  if (!processes.isRunning(NAME)) {
    const corefile = join(STATE, 'Corefile')
    await writeFile(corefile, COREFILE)
    const program = join(await buildUpstream(), 'coredns')
    await processes.start(NAME, [program, '-conf', corefile], { netns: LAB_NAMESPACE })
  }
  await apply(...objects())
  const ask = [`http://127.0.0.1:${READY_PORT}/ready`]
  await waitFor(
    'cluster DNS',
    async () => {
      await processes.expectRunning(NAME)
      return attempt('ip', ['netns', 'exec', LAB_NAMESPACE, 'curl', '-sf', ...ask], { timeout: 10_000 })
    },
    ({ code }) => code === 0,
    { timeout: 60_000 },
  )
}
