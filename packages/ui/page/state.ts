/** What the page has been told, and what is chosen in it. */
import {
  type AgentReport,
  type Change,
  type ClusterReport,
  type Message,
  NOTHING_KNOWN,
} from '../model/report.ts'

export interface State {
  scope: 'node' | 'cluster'
  readonly agents: Map<string, AgentReport>
  cluster: ClusterReport
  changes: Change[]
  /** Whether the stream is open. */
  connected: boolean
  chosen: string
}

/** As the server keeps. */
const MOST_CHANGES = 1000

export function emptyState(): State {
  return {
    ...{ scope: 'node', agents: new Map(), cluster: NOTHING_KNOWN, changes: [] },
    ...{ connected: false, chosen: '' },
  }
}

export function take(state: State, message: Message): void {
  switch (message.kind) {
    case 'all':
      state.scope = message.scope
      state.agents.clear()
      for (const report of message.agents) state.agents.set(report.node, report)
      state.cluster = message.cluster
      state.changes = [...message.changes]
      break
    case 'agent':
      state.agents.set(message.report.node, message.report)
      break
    case 'gone':
      state.agents.delete(message.node)
      break
    case 'cluster':
      state.cluster = message.cluster
      break
    case 'changes':
      state.changes = [...state.changes, ...message.changes].slice(-MOST_CHANGES)
      break
  }
}

export type Health = 'ok' | 'look' | 'bad' | 'unknown'

export interface MapNode {
  readonly name: string
  readonly health: Health
  readonly line: string
  readonly detail: string
}

const order = new Intl.Collator('en', { numeric: true })

/** Every Node that is known, by name. */
export function mapNodes({ agents, cluster }: State): readonly MapNode[] {
  const names = new Set([...cluster.nodes.map(({ name }) => name), ...agents.keys()])
  const known = new Map(cluster.nodes.map((node) => [node.name, node]))
  return [...names].sort(order.compare).map((name) => {
    const report = agents.get(name)
    const node = known.get(name)
    const prefixes = node?.podCIDRs[0] ?? ''
    if (report) return { name, line: prefixes, ...healthOf(report) }
    const reached = node?.state === 'in-place'
    return {
      ...{ name, line: prefixes, health: reached ? 'ok' : 'look' },
      detail: reached ? 'reached' : (node?.reasons[0] ?? node?.state ?? ''),
    }
  })
}

export function healthOf(report: AgentReport): { readonly health: Health; readonly detail: string } {
  const { error, conditions, counts, ready } = report
  if (error !== undefined) return { health: 'bad', detail: error }
  const missing = conditions.filter(({ ok }) => !ok)
  if (!ready) return { health: 'bad', detail: missing.map(({ name }) => name).join(', ') }
  const detail = counts.sessions === 0 ? 'ready' : `${counts.established} of ${counts.sessions} sessions`
  return { health: missing.length > 0 || counts.established < counts.sessions ? 'look' : 'ok', detail }
}

export function verdict({ connected, scope, agents }: State): {
  readonly health: Health
  readonly text: string
} {
  if (!connected) return { health: 'bad', text: 'podroute ui has ended, or cannot be reached' }
  const all = [...agents.values()]
  const well = all.filter(({ ready }) => ready).length
  if (all.length === 0) return { health: 'unknown', text: 'asking …' }
  const health = well === all.length ? 'ok' : 'bad'
  if (scope === 'node')
    return { health, text: `${all[0]!.node} ${well === 1 ? 'has' : 'does not have'} its network` }
  const counted = well === all.length ? `all ${well}` : `${well} of ${all.length}`
  return { health, text: `${counted} nodes have their network` }
}
