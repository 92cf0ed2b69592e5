/** Pods of the load program behind a ClusterIP and a NodePort, and clients that ask them at a fixed rate meanwhile. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { NODES, OUTSIDE_NAMESPACE } from '../../lab/addresses.ts'
import { CLIENT_IMAGE } from '../../lab/images/pods.ts'
import { buildLoad } from '../../lab/load/build.ts'
import { clientName, service } from '../../lab/scenarios/blue.ts'
import { apply, kubectl, waitFor, waitForPods } from '../../lab/scenarios/cluster.ts'
import type { Load } from '../ipvs/support/load.ts'
import { onNode } from './lab.ts'

/** Label and name of the Deployment. */
export const LOAD = 'load'
const REPLICAS = 2
/** Requests a second of each client. */
const RATE = 160
/** A pod that is deleted goes on until nobody came for so many milliseconds. */
const QUIET = 3000

function deployment() {
  const labels = { app: LOAD }
  const name = { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }
  const container = {
    ...{ name: LOAD, image: CLIENT_IMAGE, imagePullPolicy: 'Never', env: [name] },
    command: ['/bin/load', 'serve', '$(POD_NAME)', '::', '8000', String(QUIET)],
    readinessProbe: { tcpSocket: { port: 8000 }, periodSeconds: 1 },
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: LOAD, labels },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 60, containers: [container] },
      },
    },
  }
}

export async function startLoadPods(): Promise<void> {
  await apply(deployment(), {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: LOAD },
    spec: { type: 'NodePort', selector: { app: LOAD }, ports: [{ port: 80, targetPort: 8000 }] },
  })
  await waitForPods(`app=${LOAD}`, REPLICAS)
}

export async function removeLoadPods(): Promise<void> {
  await kubectl(['delete', 'service,deployment', LOAD])
}

/**
 * Clients and servers go before all else: a node of the lab has one processor, and a program that starts there makes them wait half a second,
 * which is not the network's doing.
 */
async function goFirst(): Promise<void> {
  for (const { name } of NODES)
    await onNode(name, 'for each in $(pidof load); do chrt --fifo --pid 1 $each; done')
}

/** From a pod of the node to the ClusterIP, and from outside to its NodePort, while `disturb` runs: nothing may be lost. */
export async function underLoad(
  node: string,
  disturb: () => Promise<void>,
  rate = RATE,
): Promise<readonly Load[]> {
  const { clusterIP, nodePort } = await service(LOAD)
  const { ipv4 } = NODES.find(({ name }) => name === node)!
  const inPod = kubectl(['exec', clientName(node), '--', 'load', 'ask', clusterIP, '80', String(rate), '600'])
  const outside = spawn(
    'ip',
    [
      ...['netns', 'exec', OUTSIDE_NAMESPACE, await buildLoad()],
      ...['ask', ipv4, String(nodePort), String(rate), '600'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const said = [inPod, text(outside.stdout!)]
  try {
    await waitFor(
      'the client in the pod',
      () => kubectl(['exec', clientName(node), '--', 'pidof', 'load']),
      (pid) => pid.trim() !== '',
    )
    await goFirst()
    await disturb()
  } finally {
    outside.kill('SIGTERM')
    await kubectl(['exec', clientName(node), '--', 'killall', 'load'])
  }
  return (await Promise.all(said)).map((line) => JSON.parse(line) as Load)
}

/** A failed request is one too many, a connection that was reset another. */
export function expectNothingLost(loads: readonly Load[]): void {
  for (const load of loads) {
    process.stdout.write(`      ${JSON.stringify(load)}\n`)
    expect(load, JSON.stringify(load)).to.include({ failed: 0, resets: 0, answered: load.sent })
    expect(load.answered).to.be.greaterThan(0)
  }
}
