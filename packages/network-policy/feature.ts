/** Network policy as a feature of the agent. */
import type { Statement } from '@podroute/cluster/events/event.ts'
import type { ClusterNetworkPolicy } from '@podroute/cluster/objects/cluster-network-policy.ts'
import type { NetworkPolicy } from '@podroute/cluster/objects/network-policy.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { Feature, FeatureContext, FeatureDefinition } from '@podroute/feature/feature.ts'
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { SummaryLine } from '@podroute/feature/page.ts'
import { explain } from './judge/explain.ts'
import { flushOrder, makeTables, type PolicyKernel } from './kernel/tables.ts'
import { Lifecycle } from './lifecycle.ts'
import { type PolicyCounts, PolicyMetrics } from './metrics.ts'
import { type DropsReport, dropsPage, explainPage, policyPage } from './page.ts'
import { type NetworkPolicySettings, section } from './section.ts'
import { policyReport } from './snapshot.ts'
import { PodStarts } from './start/pod-starts.ts'
import { isSameSpec } from './status/accepted.ts'
import { PolicyStatuses } from './status/policy-statuses.ts'
import { TRIAL } from './trial.ts'

export const networkPolicy: FeatureDefinition<NetworkPolicySettings> = {
  name: 'network-policy',
  section,
  async create(context, settings) {
    return new NetworkPolicyFeature(context, settings, await context.kernel())
  },
  async leftBehind(kernel) {
    const { sysctls, ...tables } = makeTables(kernel, {})
    return {
      tables: flushOrder({ sysctls, ...tables })
        .filter((table) => table !== sysctls)
        .toReversed(),
    }
  },
}

export class NetworkPolicyFeature implements Feature<NetworkPolicySettings> {
  readonly #context: FeatureContext
  readonly #lifecycle: Lifecycle
  readonly #starts: PodStarts
  readonly #statuses: PolicyStatuses
  #settings: NetworkPolicySettings
  readonly #metrics = new PolicyMetrics()
  #following: Disposable | undefined
  #followingCluster: Disposable | undefined
  readonly pages
  readonly verdicts
  readonly trial = TRIAL

  constructor(context: FeatureContext, settings: NetworkPolicySettings, kernel: PolicyKernel) {
    const { nodeName, stateDirectory, cluster, clock, random, log, firstSync } = context
    this.#context = context
    this.#settings = settings
    this.#starts = new PodStarts({
      ...{ folder: stateDirectory, cluster, kernel, clock, log },
      progress: () => this.#lifecycle,
      timeout: () => this.#settings.podStartTimeout * 1000,
    })
    this.#lifecycle = new Lifecycle({
      ...{ nodeName, cluster, kernel, clock, random, log },
      announced: (pod) => this.#starts.announced(pod),
      podChanged: (key, before, after) => this.#starts.podChanged(key, before, after),
      changed: () => this.#starts.changed(),
      endsConnections: () => this.#settings.endConnections,
      ended: (count) => this.#metrics.ended(count),
      onFlushed: (milliseconds) => {
        this.#metrics.flushed(milliseconds)
        this.#starts.changed()
      },
      synced: () => firstSync.done(),
    })
    this.verdicts = explainPage((question) => explain(question, cluster))
    this.#statuses = new PolicyStatuses({
      client: () => context.writer(),
      policies: cluster.clusterNetworkPolicies,
      ...{ clock, wall: () => new Date(), random, log },
    })
    const statusOf = (pod: string) => this.#lifecycle.enforcement?.status(pod)
    this.pages = [
      policyPage(() => policyReport(cluster, nodeName, statusOf)),
      dropsPage((after) => this.#drops(after)),
    ] as const
  }

  async start(): Promise<void> {
    await this.#starts.read()
    this.#lifecycle.start()
    this.#following = this.#context.cluster.subscribe('networkpolicies', {
      changed: (_key, _before, policy) => {
        this.#starts.policiesChanged()
        if (policy) this.#sayProblems(policy)
      },
      synced: () => this.#starts.policiesChanged(),
    })
    this.#followingCluster = this.#context.cluster.subscribe('clusternetworkpolicies', {
      changed: (name, before, policy) => {
        this.#statuses.changed(name, policy)
        if (policy && isSameSpec(before, policy)) return
        this.#starts.policiesChanged()
        if (policy) this.#sayProblems(policy)
      },
      synced: () => this.#starts.policiesChanged(),
    })
    await this.#starts.serve(this.#settings.podStart !== 'never')
    this.#context.gateChanged()
  }

  configure(settings: NetworkPolicySettings): readonly string[] {
    this.#settings = settings
    void this.#starts.serve(settings.podStart !== 'never')
    this.#context.gateChanged()
    return []
  }

  /** The plugin asks for a pod's policies before the pod runs. */
  pluginFields(): Readonly<Record<string, unknown>> {
    const { podStart, podStartTimeout } = this.#settings
    if (podStart === 'never') return {}
    const folder = this.#context.stateDirectory
    return { networkPolicy: { folder, podStart, timeout: podStartTimeout * 1000 } }
  }

  conditions(): readonly Condition[] {
    return [condition('network policies', this.#lifecycle.problem ?? this.#starts.problem)]
  }

  summary(): readonly SummaryLine[] {
    const { networkPolicies, clusterNetworkPolicies } = this.#context.cluster
    const ofCluster = clusterNetworkPolicies.size
    return [
      ['network policies', String(networkPolicies.size)],
      ...(ofCluster > 0 ? [['policies of the cluster', String(ofCluster)] as const] : []),
    ]
  }

  stats() {
    return this.#lifecycle.enforcement?.stats() ?? {}
  }

  pending() {
    return this.#lifecycle.enforcement?.pending() ?? []
  }

  declareMetrics(declare: DeclareMetric): void {
    this.#metrics.declare(declare, () => this.#counts())
  }

  async cleanup(): Promise<void> {
    this.#following?.[Symbol.dispose]()
    this.#followingCluster?.[Symbol.dispose]()
    this.#statuses[Symbol.dispose]()
    await this.#starts.cleanup()
    await this.#lifecycle.cleanup()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#following?.[Symbol.dispose]()
    this.#followingCluster?.[Symbol.dispose]()
    this.#statuses[Symbol.dispose]()
    await this.#starts[Symbol.asyncDispose]()
    await this.#lifecycle[Symbol.asyncDispose]()
  }

  #drops(after: number): DropsReport {
    const { denied } = this.#lifecycle.enforcement ?? {}
    const now = this.#context.clock.now()
    const podAt = (address: string) =>
      [...this.#context.cluster.pods.values()].find((pod) => pod.addresses.includes(address))?.key ?? ''
    const packets = denied?.recent(after) ?? []
    return {
      packets: packets.map(({ at, ...packet }) => ({ ...packet, secondsAgo: (now - at) / 1000 })),
      counts: [...(denied?.counts() ?? [])].map((count) => ({ ...count, pod: podAt(count.address) })),
    }
  }

  #counts(): PolicyCounts {
    const { networkPolicies, clusterNetworkPolicies, pods } = this.#context.cluster
    const { chains = 0, groups = 0 } = this.#lifecycle.enforcement?.size ?? {}
    const all = [...networkPolicies.values(), ...clusterNetworkPolicies.values()]
    const problems = all.reduce((sum, policy) => sum + policy.problems.length, 0)
    const denied = this.#lifecycle.enforcement?.denied.totals ?? { ingress: 0, egress: 0 }
    return { policies: all.length, problems, pods: pods.size, chains, groups, denied }
  }

  #sayProblems(policy: NetworkPolicy | ClusterNetworkPolicy): void {
    if (policy.problems.length === 0) return
    const detail = policy.problems.map(problemText).join('; ')
    this.#context.events.record(statementOf(policy, detail), (count) =>
      this.#context.log.warn('fields of a NetworkPolicy were skipped', {
        ...{ policy: 'key' in policy ? policy.key : policy.name, detail },
        ...(count > 1 ? { count } : {}),
      }),
    )
  }
}

function statementOf(policy: NetworkPolicy | ClusterNetworkPolicy, detail: string): Statement {
  const { name, uid } = policy
  return {
    regarding: {
      ...('namespace' in policy
        ? { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace: policy.namespace, name }
        : {
            apiVersion: 'policy.networking.k8s.io/v1alpha2',
            kind: 'ClusterNetworkPolicy',
            namespace: '',
            name,
          }),
      ...(uid === '' ? {} : { uid }),
    },
    reason: 'InvalidField',
    note: `these fields cannot be used and allow nothing: ${detail}`,
    ...{ type: 'Warning', action: 'EnforcePolicy' },
  }
}
