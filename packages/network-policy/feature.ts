/** Network policy as a feature of the agent. */
import type { Statement } from '@podroute/cluster/events/event.ts'
import type { NetworkPolicy } from '@podroute/cluster/objects/network-policy.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { Feature, FeatureContext, FeatureDefinition } from '@podroute/feature/feature.ts'
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import type { SummaryLine } from '@podroute/feature/page.ts'
import type { PolicyKernel } from './kernel/tables.ts'
import { Lifecycle } from './lifecycle.ts'
import { type PolicyCounts, PolicyMetrics } from './metrics.ts'
import { policyPage } from './page.ts'
import { type NetworkPolicySettings, section } from './section.ts'
import { policyReport } from './snapshot.ts'

export const networkPolicy: FeatureDefinition<NetworkPolicySettings> = {
  name: 'network-policy',
  section,
  async create(context) {
    return new NetworkPolicyFeature(context, await context.kernel())
  },
}

export class NetworkPolicyFeature implements Feature<NetworkPolicySettings> {
  readonly #context: FeatureContext
  readonly #lifecycle: Lifecycle
  readonly #metrics = new PolicyMetrics()
  #following: Disposable | undefined
  readonly pages

  constructor(context: FeatureContext, kernel: PolicyKernel) {
    const { nodeName, cluster, clock, random, log, firstSync } = context
    this.#context = context
    this.#lifecycle = new Lifecycle({
      ...{ nodeName, cluster, kernel, clock, random, log },
      onFlushed: (milliseconds) => this.#metrics.flushed(milliseconds),
      synced: () => firstSync.done(),
    })
    const statusOf = (pod: string) => this.#lifecycle.enforcement?.status(pod)
    this.pages = [policyPage(() => policyReport(cluster, nodeName, statusOf))]
  }

  async start(): Promise<void> {
    this.#lifecycle.start()
    this.#following = this.#context.cluster.subscribe('networkpolicies', {
      changed: (_key, _before, policy) => policy && this.#sayProblems(policy),
      synced() {},
    })
  }

  configure(): readonly string[] {
    return []
  }

  conditions(): readonly Condition[] {
    return [condition('network policies', this.#lifecycle.problem)]
  }

  summary(): readonly SummaryLine[] {
    return [['network policies', String(this.#context.cluster.networkPolicies.size)]]
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
    await this.#lifecycle.cleanup()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#following?.[Symbol.dispose]()
    await this.#lifecycle[Symbol.asyncDispose]()
  }

  #counts(): PolicyCounts {
    const { networkPolicies, pods } = this.#context.cluster
    const { chains = 0, groups = 0 } = this.#lifecycle.enforcement?.size ?? {}
    const problems = [...networkPolicies.values()].reduce((sum, policy) => sum + policy.problems.length, 0)
    return { policies: networkPolicies.size, problems, pods: pods.size, chains, groups }
  }

  #sayProblems(policy: NetworkPolicy): void {
    if (policy.problems.length === 0) return
    const detail = policy.problems.map(problemText).join('; ')
    this.#context.events.record(statementOf(policy, detail), (count) =>
      this.#context.log.warn('fields of a NetworkPolicy were skipped', {
        ...{ policy: policy.key, detail },
        ...(count > 1 ? { count } : {}),
      }),
    )
  }
}

function statementOf({ namespace, name, uid }: NetworkPolicy, detail: string): Statement {
  return {
    regarding: {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name },
      ...(uid === '' ? {} : { uid }),
    },
    reason: 'InvalidField',
    note: `these fields cannot be used and allow nothing: ${detail}`,
    ...{ type: 'Warning', action: 'EnforcePolicy' },
  }
}
