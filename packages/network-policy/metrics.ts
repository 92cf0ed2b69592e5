/** Metrics of network policy. None has a series for each pod: they come and go. */
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import { Counter, Histogram } from 'prom-client'

export interface PolicyCounts {
  /** Policies of the cluster. */
  readonly policies: number
  /** Their fields that cannot be used, which allow nothing. */
  readonly problems: number
  /** Pods of all nodes that are followed: none while there is no policy. */
  readonly pods: number
  /** Chains: distinct combinations of policies on this node. */
  readonly chains: number
  /** Groups of pods that rules on this node refer to. */
  readonly groups: number
  /** Packets that were dropped. */
  readonly denied: Readonly<Record<'ingress' | 'egress', number>>
}

/** In seconds: 1 ms to 16 s. */
const BUCKETS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power)

export class PolicyMetrics {
  readonly #flush = new Histogram({
    name: 'podroute_policy_flush_duration_seconds',
    help: 'Time of one flush of network policies to the kernel',
    buckets: BUCKETS,
    registers: [],
  })

  readonly #ended = new Counter({
    name: 'podroute_policy_connections_ended_total',
    help: 'Connections that were open and ended because policies do not allow them any more',
    registers: [],
  })

  ended(count: number): void {
    this.#ended.inc(count)
  }

  flushed(milliseconds: number): void {
    this.#flush.observe(milliseconds / 1000)
  }

  declare(declare: DeclareMetric, counts: () => PolicyCounts): void {
    declare.own(this.#flush)
    declare.own(this.#ended)
    const number = (name: string, help: string, value: (counts: PolicyCounts) => number) =>
      declare.metric({ name: `podroute_policy_${name}`, help, read: (sample) => sample(value(counts())) })
    number('policies', 'NetworkPolicies of the cluster', ({ policies }) => policies)
    number('problems', 'Fields of NetworkPolicies that cannot be used and allow nothing', (c) => c.problems)
    number('pods', 'Pods of all nodes that are followed', ({ pods }) => pods)
    number('chains', 'Combinations of policies that judge pods of this node', ({ chains }) => chains)
    declare.metric({
      name: 'podroute_policy_denied_packets_total',
      help: 'Packets of pods of this node that no policy allows, and that were dropped',
      labelNames: ['direction'],
      read(sample) {
        for (const [direction, value] of Object.entries(counts().denied)) sample(value, { direction })
      },
    })
    number('groups', 'Groups of pods that rules on this node refer to', ({ groups }) => groups)
  }
}
