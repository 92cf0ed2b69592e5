// The application that the lab shows: five replicas of a server that says who answered and whom it saw, a Service in
// front of them, and a client pod on every node.

import { NODES } from '../addresses.ts'
import { LabError } from '../errors.ts'
import { BLUE_IMAGE, CLIENT_IMAGE } from '../images/pods.ts'
import { apply, attemptKubectl, kubectlJson, type PodView, waitForPods } from './cluster.ts'

export const BLUE_PORT = 8888
export const BLUE_REPLICAS = 5

const never = { imagePullPolicy: 'Never' } as const

function blueDeployment() {
  const labels = { app: 'blue' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'blue', labels },
    spec: {
      replicas: BLUE_REPLICAS,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 2,
          containers: [{ name: 'blue', image: BLUE_IMAGE, ...never, ports: [{ containerPort: BLUE_PORT }] }],
        },
      },
    },
  }
}

function clientPod(node: string) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: clientName(node), labels: { app: 'client' } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'client', image: CLIENT_IMAGE, ...never }],
    },
  }
}

export function clientName(node: string): string {
  return `client-${node}`
}

/** Creates Deployment and clients and waits for them. */
export async function createBlue(): Promise<{ readonly blue: PodView[]; readonly clients: PodView[] }> {
  await apply(blueDeployment(), ...NODES.map(({ name }) => clientPod(name)))
  const [blue, clients] = await Promise.all([
    waitForPods('app=blue', BLUE_REPLICAS),
    waitForPods('app=client', NODES.length),
  ])
  return { blue, clients }
}

export interface ServiceView {
  readonly name: string
  readonly clusterIP: string
  readonly port: number
  readonly nodePort?: number
}

interface ApiService {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly clusterIP: string
    readonly ports: readonly { port: number; nodePort?: number }[]
  }
}

export async function service(name: string): Promise<ServiceView> {
  const { metadata, spec } = await kubectlJson<ApiService>(['get', 'service', name])
  const { port, nodePort } = spec.ports[0]!
  return {
    name: metadata.name,
    clusterIP: spec.clusterIP,
    port,
    ...(nodePort === undefined ? {} : { nodePort }),
  }
}

/** `kubectl expose --port=8888`: a ClusterIP and, beside it, a NodePort. */
export async function exposeBlue(): Promise<{
  readonly clusterIP: ServiceView
  readonly nodePort: ServiceView
}> {
  const expose = async (...more: string[]) => {
    const { code, stderr } = await attemptKubectl([
      'expose',
      'deployment',
      'blue',
      `--port=${BLUE_PORT}`,
      ...more,
    ])
    if (code !== 0 && !stderr.includes('already exists')) {
      throw new LabError('command-failed', `kubectl expose: ${stderr.trim()}`)
    }
  }
  await expose()
  await expose('--name=blue-nodeport', '--type=NodePort')
  return { clusterIP: await service('blue'), nodePort: await service('blue-nodeport') }
}
