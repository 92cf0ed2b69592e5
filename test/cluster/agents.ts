/** Waiting for agents that were ended. */
import { type PodView, waitFor } from '../../lab/scenarios/cluster.ts'
import { agents } from './lab.ts'

const LIMIT = { timeout: 180_000 }

/** Asked of the API server, not of the node, whose one CPU has enough to do. */
export function readyAgain(node: string, good: (pod: PodView) => boolean): Promise<PodView> {
  const agent = async () => (await agents()).find((pod) => pod.node === node)!
  return waitFor('agent back', agent, (pod) => pod.ready && good(pod), LIMIT)
}

/** Every node has another agent than before, which is ready. */
export function newAgents(before: readonly string[]): Promise<readonly PodView[]> {
  return waitFor(
    'new agents',
    agents,
    (found) =>
      found.length === before.length && found.every(({ name, ready }) => ready && !before.includes(name)),
    LIMIT,
  )
}
