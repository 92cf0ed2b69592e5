/** The agents of a cluster: the pods of the DaemonSet, by its label. */
import { CliError } from '../errors.ts'
import { failure, type Kubectl, run } from './kubectl.ts'

const LABEL = 'app=podroute'
/** Of the DaemonSet's pod. */
export const CONTAINER = 'agent'

export interface Agent {
  readonly node: string
  readonly pod: string
  /** Why it cannot be asked now. Absent: it runs. */
  readonly trouble?: string
  /** Of its container. */
  readonly image?: string
  /** Of its probes. */
  readonly healthPort?: number
}

export interface Agents {
  /** By node. */
  readonly agents: readonly Agent[]
  /** On how many nodes one is to run; undefined: not asked. */
  readonly wanted?: number
}

interface Item {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
  readonly spec: {
    readonly nodeName?: string
    readonly containers?: readonly {
      readonly name: string
      readonly image?: string
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[]
    }[]
  }
  readonly status?: {
    readonly phase?: string
    readonly desiredNumberScheduled?: number
    readonly containerStatuses?: readonly {
      readonly name: string
      readonly state: { readonly running?: unknown; readonly waiting?: { readonly reason?: string } }
    }[]
  }
}

/** @throws CliError where there are none, or they may not be listed */
export async function findAgents(kubectl: Kubectl, what: 'pods' | 'pods,daemonsets.apps'): Promise<Agents> {
  const ended = await run(kubectl, ['get', what, '--selector', LABEL, '--output', 'json'])
  if (ended.status !== 0) throw failure(ended, kubectl.namespace)
  const { items } = JSON.parse(ended.stdout) as { items: readonly Item[] }
  const pods = items.filter(
    ({ kind, metadata }) => kind === 'Pod' && metadata.deletionTimestamp === undefined,
  )
  const sets = items.filter(({ kind }) => kind === 'DaemonSet')
  const wanted = sets.reduce((sum, { status }) => sum + (status?.desiredNumberScheduled ?? 0), 0)
  // A DaemonSet that is just made says later how many it is to have.
  if (pods.length === 0 && sets.length === 0) throw none(kubectl)
  const agents = pods.map(agentOf).sort((a, b) => a.node.localeCompare(b.node, 'en', { numeric: true }))
  return { agents, ...(what === 'pods' ? {} : { wanted }) }
}

function none({ namespace }: Kubectl): CliError {
  const message = `no pods of podroute (${LABEL}) are in namespace ${namespace}: install it (kubectl apply -f deploy/podroute.yaml), or say with --namespace where it is`
  return new CliError('not-running', message)
}

function agentOf({ metadata, spec, status }: Item): Agent {
  const { image, ports = [] } = spec.containers?.find(({ name }) => name === CONTAINER) ?? {}
  const healthPort = ports.find(({ name }) => name === 'health')?.containerPort
  const agent = {
    ...{ node: spec.nodeName ?? '', pod: metadata.name },
    ...(image === undefined ? {} : { image }),
    ...(healthPort === undefined ? {} : { healthPort }),
  }
  const container = status?.containerStatuses?.find(({ name }) => name === CONTAINER)
  if (status?.phase === 'Running' && container?.state.running) return agent
  const reason = container?.state.waiting?.reason ?? status?.phase ?? 'unknown'
  return { ...agent, trouble: `its pod does not run: ${reason}` }
}
