// The walk-through that `npm run lab` ends with: each step is shown, and fails when it is not what it should be.

import { FAMILIES, NODES, OUTSIDE, primaryOf } from '../addresses.ts'
import { LabError } from '../errors.ts'
import type { Progress } from '../progress.ts'
import { BLUE_REPLICAS, createBlue, exposeBlue, type ServiceView } from './blue.ts'
import { type PodView, waitFor } from './cluster.ts'
import { frrRoutes } from './routing.ts'
import { summary } from './summary.ts'
import {
  type Answer,
  countAnswers,
  curlFromNode,
  curlFromOutside,
  curlFromPod,
  OUTSIDE_PORT,
  urlOf,
} from './traffic.ts'

/** Requests that are counted: each replica has to answer twice. */
const REQUESTS = 2 * BLUE_REPLICAS

/** The same ones again where the lab has fewer. */
const [FIRST, SECOND, THIRD] = [0, 1, 2].map((index) => NODES[index % NODES.length]!.name) as [
  string,
  string,
  string,
]

function expectThat(condition: boolean, message: string): void {
  if (!condition) throw new LabError('not-as-expected', message)
}

function shares(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([pod, count]) => `${pod.slice(-5)} ${count}`).join(', ')
}

/** Asks until the Service answers (its rules come a moment after it), then counts who answers. */
async function roundRobin(ask: () => Promise<Answer>): Promise<ReadonlyMap<string, number>> {
  await waitFor('the Service answers', ask, () => true, { timeout: 30_000 })
  const counts = await countAnswers(REQUESTS, ask)
  expectThat(
    counts.size === BLUE_REPLICAS,
    `${counts.size} of ${BLUE_REPLICAS} replicas answered: ${shares(counts)}`,
  )
  return counts
}

async function showServices(
  progress: Progress,
  clusterIP: ServiceView,
  nodePort: ServiceView,
): Promise<void> {
  const url = urlOf(clusterIP.clusterIP, clusterIP.port)
  await progress.step(`curl ${url} from ${FIRST}`, () => roundRobin(() => curlFromNode(FIRST, url)), shares)
  await progress.step(
    `curl ${url} from a pod on ${SECOND}`,
    () => roundRobin(() => curlFromPod(SECOND, url)),
    shares,
  )
  const outside = urlOf(primaryOf(NODES[0]!), nodePort.nodePort!)
  await progress.step(
    `curl ${outside} from outside`,
    () => roundRobin(() => curlFromOutside(outside)),
    shares,
  )
}

/** A pod of another node, where there is one, sees the client pod's own address. */
async function showPodToPod(
  progress: Progress,
  blue: readonly PodView[],
  clients: readonly PodView[],
): Promise<void> {
  const client = clients.find(({ node }) => node === FIRST)!
  const peer = blue.find(({ node }) => node !== FIRST) ?? blue[0]!
  for (const [index, address] of peer.addresses.entries()) {
    await progress.step(
      `pod on ${FIRST} to pod on ${peer.node}, ${address}`,
      async () => {
        const answer = await curlFromPod(FIRST, urlOf(address, 8888))
        expectThat(
          answer.client === client.addresses[index],
          `the peer saw ${answer.client}, not the pod's ${client.addresses[index]}`,
        )
        return answer
      },
      (answer) => `seen as ${answer.client}: no NAT`,
    )
  }
}

/** What a pod sends out of the cluster carries its node's address. */
async function showMasquerade(progress: Progress): Promise<void> {
  const url = urlOf(primaryOf(OUTSIDE), OUTSIDE_PORT)
  await progress.step(
    `pod on ${THIRD} to ${url}, outside the cluster`,
    async () => {
      const answer = await curlFromPod(THIRD, url)
      const node = primaryOf(NODES.find(({ name }) => name === THIRD)!)
      expectThat(answer.client === node, `seen as ${answer.client}, not as the node's ${node}`)
      return answer
    },
    (answer) => `seen as ${answer.client}: the node's address`,
  )
}

async function showRouter(progress: Progress, blue: readonly PodView[]): Promise<void> {
  await progress.step(
    'the router learns every pod range',
    () =>
      waitFor(
        'routes of all nodes at the router',
        async () => [...(await frrRoutes('ipv4')), ...(await frrRoutes('ipv6'))],
        (routes) => routes.length >= FAMILIES.length * NODES.length,
        { timeout: 60_000 },
      ),
    (routes) => routes.map(({ prefix, nextHops }) => `${prefix} via ${nextHops.join(' ')}`).join(', '),
  )
  const pod = blue[0]!
  await progress.step(
    `curl pod ${pod.addresses[0]} from outside, through the router`,
    () => curlFromOutside(urlOf(pod.addresses[0]!, 8888)),
    (answer) => `seen as ${answer.client}`,
  )
}

/** Runs the walk-through; the closing table. */
export async function demonstrate(progress: Progress): Promise<string> {
  const { blue, clients } = await progress.step(
    'start blue (5 replicas) and a client on each node',
    createBlue,
    (found) => found.blue.map(({ node, addresses }) => `${addresses[0]} on ${node}`).join(', '),
  )
  const { clusterIP, nodePort } = await exposeBlue()
  await showServices(progress, clusterIP, nodePort)
  await showPodToPod(progress, blue, clients)
  await showMasquerade(progress)
  await showRouter(progress, blue)
  return summary()
}
