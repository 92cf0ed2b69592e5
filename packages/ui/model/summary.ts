/** The reports of one agent, made of the pages of its admin socket; a page that it does not have leaves its part empty. */
import { type AgentReport, type ClusterReport, NOTHING_KNOWN, type Session } from './report.ts'

/** What an agent answers at a path of its admin socket. @throws Error */
export type Ask = (path: string) => Promise<unknown>

/** Sessions of more nodes are drawn of one node at a time, and asked for then. */
const MOST_SESSIONS = 40
const MOST_SERVICES = 2000

interface Status {
  readonly nodeName: string
  readonly version: string
  readonly ready: boolean
  readonly conditions: AgentReport['conditions']
  readonly summary: AgentReport['summary']
}

interface Peer extends Omit<Session, 'asn'> {
  readonly asn: unknown
}

interface Routes {
  readonly routes: readonly { readonly state: string }[]
}

interface Nodes {
  readonly nodes: readonly (ClusterReport['nodes'][number] & { readonly kind: string })[]
}

interface Services {
  readonly services: readonly {
    readonly service: string
    readonly state: string
    readonly frontends: readonly {
      readonly protocol: string
      readonly address: string
      readonly number: number
      readonly endpoints: readonly string[]
    }[]
  }[]
}

interface Announcements {
  readonly announcements: ClusterReport['announced']
}

/** @throws Error where the agent does not answer at all */
export async function agentReport(ask: Ask): Promise<AgentReport> {
  const { nodeName, version, ready, conditions, summary } = (await ask('/status')) as Status
  const { peers } = await orElse<{ peers: readonly Peer[] }>(ask('/peers'), { peers: [] })
  const { routes } = await orElse<Routes>(ask('/routes'), { routes: [] })
  const sessions = peers.map(({ name, kind, address, asn, state, description }) => ({
    ...{ name, kind, address, asn: String(asn), state },
    ...(description === undefined ? {} : { description }),
  }))
  return {
    ...{ node: nodeName, version, ready, conditions, summary },
    sessions: sessions.length > MOST_SESSIONS ? sessions.filter(isRemarkable) : sessions,
    counts: {
      sessions: sessions.length,
      established: sessions.filter(({ state }) => state === 'established').length,
      routes: routes.length,
      installed: routes.filter(({ state }) => state === 'installed').length,
    },
  }
}

/** What all agents say alike. */
export async function clusterReport(ask: Ask): Promise<ClusterReport> {
  const { nodes } = await orElse<Nodes>(ask('/nodes'), { nodes: [] })
  const { services } = await orElse<Services>(ask('/services'), { services: [] })
  const { announcements } = await orElse<Announcements>(ask('/announcements'), { announcements: [] })
  return {
    nodes: nodes
      .filter(({ kind }) => kind !== 'router')
      .map(({ name, podCIDRs, addresses, state, reasons }) => ({
        name,
        podCIDRs,
        addresses,
        state,
        reasons,
      })),
    services: services.slice(0, MOST_SERVICES).map(({ service, state, frontends }) => ({
      ...{ key: service, state },
      addresses: [
        ...new Set(frontends.map(({ protocol, address, number }) => at(protocol, address, number))),
      ],
      endpoints: new Set(frontends.flatMap(({ endpoints }) => endpoints)).size,
    })),
    announced: announcements
      .filter(({ kind }) => kind !== 'pod-cidr')
      .map(({ prefix, kind, owner, state }) => ({ prefix, kind, owner, state })),
  }
}

/** For one question over `kubectl exec`. */
export interface WholeReport {
  readonly agent: AgentReport
  readonly cluster: ClusterReport
}

export function unanswered(node: string, error: string): AgentReport {
  const counts = { sessions: 0, established: 0, routes: 0, installed: 0 }
  return { node, error, version: '', ready: false, conditions: [], summary: [], sessions: [], counts }
}

/** Whether there is nothing of the cluster in it: another agent may know more. */
export function isEmpty({ nodes }: ClusterReport): boolean {
  return nodes === NOTHING_KNOWN.nodes || nodes.length === 0
}

function isRemarkable({ kind, state }: Session): boolean {
  return kind === 'external' || state !== 'established'
}

function at(protocol: string, address: string, port: number): string {
  return `${protocol} ${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** A feature that is off has no page. */
function orElse<Answer>(answer: Promise<unknown>, without: Answer): Promise<Answer> {
  return (answer as Promise<Answer>).catch(() => without)
}
