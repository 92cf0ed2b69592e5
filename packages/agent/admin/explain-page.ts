/** `podroute explain`: what becomes on this node of a packet to a pod, a Service or an address, hop by hop, as each feature says of its own. */
import type {
  Hop,
  HopsTo,
  Page,
  PageArgument,
  PageQuery,
  TextTable,
  Verdict,
} from '@podroute/feature/page.ts'
import type { RunningFeature } from '../running-features.ts'
import {
  type End,
  endOf,
  type Known,
  type KnownPod,
  portNumber,
  protocolOf,
  splitPort,
} from './explain-ends.ts'

export interface ExplainedHop extends Hop {
  readonly feature: string
  /** Behind how many forks. */
  readonly depth: number
}

export interface ExplainReport {
  readonly to: string
  /** '': the node itself. */
  readonly from: string
  /** No hop has a problem. */
  readonly passes: boolean
  readonly hops: readonly ExplainedHop[]
  /** What network policies say, of each connection that the way ends in. */
  readonly verdicts: readonly Verdict[]
}

export interface ExplainSource {
  readonly nodeName: string
  features(): readonly Pick<RunningFeature, 'name' | 'feature'>[]
  readonly cluster: Known
  /** A pod that the agent does not follow: while there are no policies it follows none. @throws Error why nobody can say */
  findPod(key: string): Promise<KnownPod | undefined>
}

/** A Service may lead to another one's address; nobody leads further. */
const DEEPEST = 3
const AGENT = 'agent'
const FOUND = 'found'

const ARGUMENTS: readonly PageArgument[] = [
  {
    ...{ name: 'to', kind: 'argument', required: true },
    summary:
      'namespace/name of a Service or a pod, or an address; with a port: default/web:80, 10.96.0.10:53/udp, [fd10::1]:443',
  },
  {
    name: 'port',
    kind: 'argument',
    summary: '80, 53/udp, or the name of a port, where it is not given before',
  },
  {
    name: 'from',
    kind: 'option',
    takes: 'who',
    summary: 'who connects: namespace/name of a pod, or an address; absent: the node',
  },
  { name: 'with', kind: 'file', summary: 'NetworkPolicies that count as applied, as YAML or JSON' },
]

export function explainPage(source: ExplainSource): Page<ExplainReport> {
  return {
    name: 'explain',
    summary: 'the way of a packet to a pod, a Service or an address, hop by hop, and why it ends',
    arguments: ARGUMENTS,
    look: (query) => look(query, source),
    data: (query = {}) => explain(query, source),
    tables: (report) => [
      {
        columns: ['STEP', 'WHAT', 'WHY NOT'],
        rows: report.hops.map(({ depth, step, detail, problem }) => [
          `${'  '.repeat(depth)}${step}`,
          detail,
          problem,
        ]),
        empty: 'podroute has nothing to do with this address: the routes of the node decide (ip route get)',
      },
      // Of several the hops tell.
      ...(report.verdicts.length === 1 ? verdictTables(source, report.verdicts[0]!) : []),
    ],
  }
}

async function look(query: PageQuery, { cluster, findPod }: ExplainSource): Promise<PageQuery> {
  const names = [splitPort(query.to ?? '').name, query.from ?? ''].filter((name) => name.includes('/'))
  const missing = names.filter((name) => endOf(name, cluster, []) === undefined)
  const found = await Promise.all(missing.map(findPod))
  return { ...query, [FOUND]: JSON.stringify(found.filter((pod) => pod !== undefined)) }
}

function explain(query: PageQuery, source: ExplainSource): ExplainReport {
  const { to = '', from = '' } = query
  const found = JSON.parse(query[FOUND] ?? '[]') as readonly KnownPod[]
  const split = splitPort(to)
  const port = query.port ?? split.port
  const [end, sender] = [
    known(split.name, source, found),
    from === '' ? undefined : known(from, source, found),
  ]
  const number = portNumber(port, end)
  const walk = new Walk(source, found, sender, query)
  const hops = [
    ...beginning(end, sender, source),
    ...end.addresses.flatMap((address) => walk.to(address, number, protocolOf(port), 0)),
  ]
  return { to, from, passes: hops.every(({ problem }) => problem === ''), hops, verdicts: walk.verdicts }
}

/** What is to be said before the first hop. */
function beginning(end: End, sender: End | undefined, { nodeName }: ExplainSource): readonly ExplainedHop[] {
  const said = (step: string, detail: string, problem: string) => ({
    feature: AGENT,
    depth: 0,
    step,
    detail,
    problem,
  })
  const { node = nodeName, key = '' } = sender?.pod ?? {}
  return [
    ...(node === nodeName
      ? []
      : [
          said(
            'client',
            `${key} on ${node}: what follows is what ${nodeName} would do; ask the agent of ${node}`,
            '',
          ),
        ]),
    ...(end.headless === undefined
      ? []
      : [
          said(
            'service',
            end.headless,
            'it has no address: its name leads to its pods; explain the way to one of them',
          ),
        ]),
    ...(end.pod && end.addresses.length === 0
      ? [said('pod', end.pod.key, 'it has no address yet: kubectl describe it to see why')]
      : []),
  ]
}

class Walk {
  readonly verdicts: Verdict[] = []
  readonly #source: ExplainSource
  readonly #found: readonly KnownPod[]
  readonly #sender: End | undefined
  readonly #query: PageQuery

  constructor(source: ExplainSource, found: readonly KnownPod[], sender: End | undefined, query: PageQuery) {
    this.#source = source
    this.#found = found
    this.#sender = sender
    this.#query = query
  }

  to(address: string, port: number | undefined, protocol: string, depth: number): readonly ExplainedHop[] {
    const to = { address, port, ...this.#senderTo(address) }
    const hops = this.#source
      .features()
      .flatMap(({ name, feature }) =>
        (feature.hops?.(to) ?? []).flatMap((hop) => [
          { ...hop, feature: name, depth },
          ...(depth < DEEPEST
            ? (hop.next ?? []).flatMap((next) => this.#endpoint(next, hop, depth + 1))
            : []),
        ]),
      )
    if (hops.some(({ next }) => next !== undefined)) return hops
    const { pod } = endOf(address, this.#source.cluster, this.#found) ?? {}
    const last = pod
      ? [{ feature: AGENT, depth, step: 'pod', detail: `${pod.key} on ${pod.node}`, problem: '' }]
      : []
    return [...hops, ...last, ...this.#policies(address, port, protocol, depth)]
  }

  #endpoint(next: HopsTo, { protocol = 'tcp' }: Hop, depth: number): readonly ExplainedHop[] {
    const { address, port } = next
    const text = address.includes(':') ? `[${address}]` : address
    const detail = port === undefined ? address : `${text}:${port}`
    return [
      { feature: AGENT, depth, step: 'endpoint', detail, problem: '' },
      ...this.to(address, port, protocol, depth),
    ]
  }

  /** Its address of the family of the other end. */
  #senderTo(address: string): { from?: string } {
    const isIPv6 = address.includes(':')
    const from = this.#sender?.addresses.find((own) => own.includes(':') === isIPv6)
    return from === undefined ? {} : { from }
  }

  /** Nobody is judged who is not named, and nothing without a port. */
  #policies(
    address: string,
    port: number | undefined,
    protocol: string,
    depth: number,
  ): readonly ExplainedHop[] {
    const { from } = this.#senderTo(address)
    if (from === undefined || port === undefined) return []
    const query = { pod: address, port: `${port}/${protocol}`, from, with: this.#query.with ?? '' }
    return this.#source.features().flatMap(({ name, feature: { verdicts } }) => {
      if (!verdicts) return []
      const verdict = verdicts.data(query)
      this.verdicts.push(verdict)
      return verdict.decisions.map(({ direction, node, allowed, reason }) => ({
        ...{ feature: name, depth, step: `policy (${direction})` },
        detail: `${allowed ? 'allowed' : 'denied'}${node === '' ? '' : ` on ${node}`}: ${reason}`,
        problem: allowed ? '' : `network policies deny it: ${reason}`,
      }))
    })
  }
}

/** @throws Error that says what it could be */
function known(name: string, { cluster }: ExplainSource, found: readonly KnownPod[]): End {
  const end = endOf(name, cluster, found)
  if (!end) {
    const hint = name.includes('/') ? '' : ': name it namespace/name'
    throw new Error(`no address, and no Service or pod of the cluster: ${name}${hint}`)
  }
  return end
}

function verdictTables({ features }: ExplainSource, verdict: Verdict): readonly TextTable[] {
  const all = features().flatMap(({ feature }) => feature.verdicts?.tables(verdict) ?? [])
  return all.filter(({ rows, empty }) => rows.length > 0 || empty !== '')
}
