/** Policies of the cluster in the kernel of this node: exists only while there are any. */
import type { Direction, NetworkPolicy } from '@podroute/cluster/objects/network-policy.ts'
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import { TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { Controller } from '@podroute/reconcile/controller.ts'
import type { PendingChange } from '@podroute/reconcile/flush-order.ts'
import { silent } from '@podroute/reconcile/log.ts'
import type { Status } from '@podroute/reconcile/status.ts'
import type { AuditRequest, FlushResult, TableOptions, TableStats } from '@podroute/reconcile/table.ts'
import { DeniedPackets } from './denied/denied-packets.ts'
import type { PacketEnds } from './denied/packet.ts'
import { NetworkPolicyError } from './errors.ts'
import {
  type Connection,
  type End,
  isAllowed,
  judgeDirection,
  type Known,
  type Verdict,
  verdictText,
} from './judge/judge.ts'
import {
  BRIDGE_MODULE,
  flushOrder,
  logsPackets,
  makeTables,
  type PolicyKernel,
  type PolicyTables,
  wantBridgedPackets,
  watchKernel,
} from './kernel/tables.ts'
import { PolicyPlanner } from './plan/planner.ts'
import type { FlowEnds } from './tighten/ended-flow.ts'
import { Tightening } from './tighten/tightening.ts'

export interface EnforcementOptions extends TableOptions {
  readonly nodeName: string
  readonly cluster: Pick<
    ClusterView,
    'pods' | 'namespaces' | 'networkPolicies' | 'clusterNetworkPolicies' | 'nodes'
  >
  readonly kernel: PolicyKernel
  /** Addresses that this node has given a pod and its status need not say yet. */
  readonly announced?: (pod: Pod) => readonly string[]
  /** Whether connections end that policies do not allow any more; absent: no. */
  endsConnections?(): boolean
  /** So many ended. */
  ended?(count: number): void
  onFlushed?(milliseconds: number): void
}

/** Milliseconds that changes are gathered, and between two flushes: what comes all the time shares the cost of one. */
const COALESCE = 5
const INTERVAL = 25
/** What others do to elements, which is not followed, is repaired within a second; listed is only where anybody did anything. */
const AUDIT_PAUSE = 600
/** All is listed every five minutes. */
const THOROUGH_EVERY = 500

export class Enforcement implements AsyncDisposable {
  readonly #options: EnforcementOptions
  readonly #tables: PolicyTables
  readonly #planner: PolicyPlanner
  readonly #controller: Controller<string>
  readonly #tightening: Tightening
  readonly denied: DeniedPackets
  #watching: Disposable | undefined
  #synced = false
  #stopped = false

  constructor(options: EnforcementOptions) {
    this.#options = options
    this.#tables = makeTables(options.kernel, options)
    this.#planner = new PolicyPlanner({
      ...{ nodeName: options.nodeName, cluster: options.cluster, tables: this.#tables },
      announced: (pod) => options.announced?.(pod) ?? [],
      touched: (address) => this.#tightening.touched(address),
      mark: (key) => this.#mark(key),
    })
    this.#tightening = new Tightening({
      ...{ flows: options.kernel.flows, nft: options.kernel.nft },
      ...{ clock: options.clock ?? systemClock, log: options.log ?? silent },
      nodeAddresses: async () => (await options.kernel.hostAddresses()).reachable,
      mayTalk: (ends) => this.mayTalk(ends),
      ended: (count) => options.ended?.(count),
    })
    this.denied = new DeniedPackets({
      ...{ nft: options.kernel.nft, watchPackets: (...args) => options.kernel.watchPackets(...args) },
      ...{ clock: options.clock ?? systemClock, log: options.log ?? silent },
      isLocal: (address) => this.#isLocal(address),
      nameOf: (address) => this.#planner.podAt(address)?.key ?? '',
      reasonOf: (direction, ends) => this.#reasonOf(direction, ends),
    })
    this.#controller = new Controller<string>({
      ...options,
      tables: flushOrder(this.#tables),
      ...{ coalesce: COALESCE, interval: INTERVAL, auditPause: AUDIT_PAUSE, thoroughEvery: THOROUGH_EVERY },
      // A chain must not come into use before all pods that it names are in their sets.
      chunk: Number.POSITIVE_INFINITY,
      plan: (key) => this.#planner.plan(key),
      planned: () => !this.#stopped && this.#planner.planned(),
      wants: (key) => this.#planner.wants(key),
      onFlushed: (_result, milliseconds) => {
        this.#flushed()
        options.onFlushed?.(milliseconds)
      },
    })
  }

  podChanged(key: string, before: Pod | undefined, after: Pod | undefined): void {
    this.#planner.podChanged(key, before, after)
  }

  /** Other addresses of a pod of this node were announced than before. */
  announcementChanged(key: string): void {
    this.#planner.announcementChanged(key)
  }

  hasPolicies(namespace: string): boolean {
    return this.#planner.hasPolicies(namespace)
  }

  namespaceChanged(name: string): void {
    this.#planner.namespaceChanged(name)
  }

  policyChanged(key: string, before: NetworkPolicy | undefined, after: NetworkPolicy | undefined): void {
    this.#planner.policyChanged(key, before, after)
  }

  /** A ClusterNetworkPolicy, or a node that one names, is another one. */
  clusterChanged(): void {
    this.#planner.clusterChanged()
  }

  /** Takes over what an earlier run left, and writes nothing. May be called again after it failed. */
  async adopt(): Promise<void> {
    const { kernel, log } = this.#options
    const outcomes = await kernel.loadModules([BRIDGE_MODULE])
    const missing = wantBridgedPackets(kernel, this.#tables)
    // Where it is built in there is nothing to load.
    for (const [module, outcome] of missing.length > 0 ? outcomes : [])
      if (!outcome.ok)
        log?.warn('network policies cannot judge packets between pods on one bridge', {
          ...{ missing, module, reason: outcome.reason },
        })
    this.#planner.logs = await logsPackets(kernel)
    await this.#controller.adopt()
    this.#watching ??= watchKernel(kernel, this.#tables)
  }

  /**
   * Call it once all policies, namespaces and pods were told: until then what an earlier run left judges. From here on the kernel follows.
   * Resolves after the first flush.
   */
  async synced(): Promise<void> {
    if (this.#synced || this.#stopped) return
    this.#synced = true
    for (const pod of this.#options.cluster.pods.values())
      if (this.#planner.isLocal(pod)) this.#controller.mark(pod.key)
    await this.#controller.settle()
    this.#controller.sweep()
    await this.#controller.flush()
    this.#controller.start()
    this.denied.start()
  }

  /** What the policies of one end of a connection say. */
  judge(direction: Direction, connection: Connection): Verdict {
    return judgeDirection(direction, connection, this.#known)
  }

  /** Whether a connection may begin, as far as this node has a say: by the policies of its own pods. */
  mayTalk({ source, destination, protocol, port }: FlowEnds): boolean {
    const end = (address: string): End => ({ address, pod: this.#planner.podAt(address) })
    const connection = { from: end(source), to: end(destination), protocol, port }
    const denies = (direction: Direction, { pod }: End) =>
      pod !== undefined && this.#planner.isLocal(pod) && !isAllowed(this.judge(direction, connection))
    return !denies('egress', connection.from) && !denies('ingress', connection.to)
  }

  /** Resolves when no connection is being judged anew. */
  get settled(): Promise<void> {
    return this.#tightening.settled
  }

  /** Sends what is due now. */
  flush(): Promise<FlushResult> {
    return this.#controller.flush()
  }

  audit(request: AuditRequest = {}) {
    return this.#controller.audit(request)
  }

  status(key: string): Status {
    return this.#controller.status(key)
  }

  stats(): Readonly<Record<string, TableStats>> {
    return this.#controller.stats()
  }

  pending(): Iterable<PendingChange> {
    return this.#controller.pending()
  }

  get size(): { readonly groups: number; readonly chains: number } {
    return this.#planner.size
  }

  /** Removes everything of ours from the kernel, and follows nothing any more. @throws NetworkPolicyError LEFT_BEHIND */
  async cleanup(): Promise<void> {
    this.#stop()
    await this.#controller.adopt()
    await this.#controller.clear()
    for (const { table, key, error } of this.#controller.pending())
      if (error !== '') throw new NetworkPolicyError('LEFT_BEHIND', `${table} ${key}: ${error}`)
  }

  /** Stops following; the kernel keeps what it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    await this.#controller[Symbol.asyncDispose]()
    await this.#tightening[Symbol.asyncDispose]()
  }

  #stop(): void {
    this.#stopped = true
    this.#watching?.[Symbol.dispose]()
    this.denied[Symbol.dispose]()
  }

  #flushed(): void {
    if (this.#options.endsConnections?.()) this.#tightening.flushed()
    // A kernel without nfnetlink_log takes the same rules without it.
    const { rules } = this.#tables
    if (!this.#planner.logs || this.#stopped || rules.status(TABLE).kind !== 'failed') return
    this.#planner.logs = false
    this.#controller.schedule()
    if (rules.get(TABLE)) rules.set(TABLE, this.#planner.table)
  }

  #isLocal(address: string): boolean {
    const pod = this.#planner.podAt(address)
    return pod !== undefined && this.#planner.isLocal(pod)
  }

  #reasonOf(direction: Direction, { source, destination, protocol, port }: PacketEnds): string {
    const end = (address: string): End => ({ address, pod: this.#planner.podAt(address) })
    const known = protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp'
    if (!known || port === undefined) return 'no rule is for this protocol'
    const verdict = this.judge(direction, { from: end(source), to: end(destination), protocol, port })
    return isAllowed(verdict) ? 'a connection that was ended' : verdictText(verdict, direction)
  }

  get #known(): Known {
    return {
      cluster: this.#options.cluster,
      policiesOf: (namespace) => this.#planner.policiesOf(namespace),
    }
  }

  #mark(key: string): void {
    if (this.#synced && !this.#stopped) this.#controller.mark(key)
  }
}
