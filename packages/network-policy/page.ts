/** What `podroute policy` and `podroute drops` show, and what policies say in `podroute explain`. */
import { duration } from '@podroute/feature/duration.ts'
import type { Page, PageArgument } from '@podroute/feature/page.ts'
import { parseAllDocuments } from 'yaml'
import type { DeniedCount } from './denied/denied-counts.ts'
import type { DeniedPacket } from './denied/denied-packets.ts'
import { NetworkPolicyError } from './errors.ts'
import type { Explanation, Question } from './judge/explain.ts'
import type { PodPolicies, PolicyReport } from './snapshot.ts'

export function policyPage(data: () => PolicyReport): Page<PolicyReport> {
  return {
    name: 'policy',
    summary: 'pods of this node and the network policies that select them',
    data,
    tables: ({ pods, problems }) => [
      {
        columns: ['POD', 'ADDRESSES', 'INGRESS', 'EGRESS', 'STATE'],
        rows: pods.map(podRow),
        empty: 'no pods, or no network policies in the cluster',
      },
      {
        columns: ['POLICY', 'PROBLEM'],
        rows: problems.map(({ policy, problem }) => [policy, problem]),
        empty: '',
      },
    ],
  }
}

function podRow({ pod, addresses, ingress, egress, state, reasons }: PodPolicies): string[] {
  const isolated = ingress.length > 0 || egress.length > 0
  return [
    pod,
    addresses.join(' '),
    names(ingress),
    names(egress),
    isolated || state !== 'absent' ? stateText(state, reasons) : '',
  ]
}

/** Where no policy selects it everything passes. */
function names(policies: readonly string[]): string {
  return policies.length === 0 ? 'all' : policies.join(' ')
}

/** Of one whose policies allow everything the kernel holds nothing. */
function stateText(state: PodPolicies['state'], reasons: readonly string[]): string {
  if (state === 'failed' || state === 'refused') return `failed: ${reasons[0] ?? ''}`
  return state === 'pending' ? 'pending' : 'in place'
}

const EXPLAIN_ARGUMENTS: readonly PageArgument[] = [
  {
    name: 'pod',
    kind: 'argument',
    required: true,
    summary: 'who is connected to: namespace/name, or an address',
  },
  { name: 'port', kind: 'argument', required: true, summary: '80, 53/udp, or the name of a port of the pod' },
  {
    name: 'from',
    kind: 'option',
    takes: 'who',
    required: true,
    summary: 'who connects: namespace/name, or an address',
  },
  { name: 'with', kind: 'file', summary: 'NetworkPolicies that count as applied, as YAML or JSON' },
]

export function explainPage(explain: (question: Question) => Explanation): Page<Explanation> {
  return {
    name: 'explain',
    summary: 'whether network policies allow a connection, and which rule decides',
    arguments: EXPLAIN_ARGUMENTS,
    data({ pod: to = '', port = '', from = '', with: text = '' } = {}) {
      return explain({ to, port, from, policies: documentsOf(text) })
    },
    tables: ({ from, to, protocol, port, allowed, decisions, problems }) => [
      {
        columns: ['FROM', 'TO', 'PORT', 'VERDICT'],
        rows: [[from, to, `${port}/${protocol}`, allowed ? 'allowed' : 'denied']],
        empty: '',
      },
      {
        columns: ['DIRECTION', 'NODE', 'VERDICT', 'DECIDED BY'],
        rows: decisions.map((one) => [
          one.direction,
          one.node,
          one.allowed ? 'allowed' : 'denied',
          one.reason,
        ]),
        empty: 'a pod that reaches itself is not judged',
      },
      { columns: ['NOT USED'], rows: problems.map((problem) => [problem]), empty: '' },
    ],
  }
}

/** @throws NetworkPolicyError QUESTION */
function documentsOf(text: string): readonly unknown[] {
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents)) return []
  return documents.flatMap((document) => {
    const [error] = document.errors
    if (error) throw new NetworkPolicyError('QUESTION', `not YAML: ${error.message}`)
    const value = document.toJS() as { kind?: string; items?: unknown[] } | null
    if (value === null) return []
    return value.kind?.endsWith('List') && value.items ? value.items : [value]
  })
}

export interface DropsReport {
  readonly packets: readonly (Omit<DeniedPacket, 'at'> & { readonly secondsAgo: number })[]
  /** By the pod that policies isolate. */
  readonly counts: readonly (DeniedCount & { readonly pod: string })[]
}

export function dropsPage(data: (after: number) => DropsReport): Page<DropsReport> {
  return {
    name: 'drops',
    summary: 'packets that network policies have dropped, some of each second',
    follows: ({ packets }) => String(packets.at(-1)?.id ?? ''),
    data: ({ after = '' } = {}) => data(Number(after) || 0),
    tables: ({ packets, counts }) => [
      {
        columns: ['AGO', 'DIRECTION', 'FROM', 'TO', 'PORT', 'DECIDED BY'],
        rows: packets.map((packet) => [
          duration(packet.secondsAgo),
          packet.direction,
          packet.from || packet.source,
          packet.to || packet.destination,
          `${packet.port === undefined ? '' : `${packet.port}/`}${packet.protocol}`,
          packet.reason,
        ]),
        empty: 'none were seen',
      },
      {
        columns: ['POD', 'ADDRESS', 'DIRECTION', 'DROPPED'],
        rows: counts.map(({ pod, address, direction, packets: count }) => [
          pod,
          address,
          direction,
          String(count),
        ]),
        empty: '',
      },
    ],
  }
}
