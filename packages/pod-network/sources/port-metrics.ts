/** Metrics of the ports of pods. */
import type { DeclareMetric } from '@podroute/feature/metric.ts'

export function declarePortMetrics(declare: DeclareMetric, unchecked: () => number): void {
  declare.metric({
    name: 'podroute_pod_ports_unchecked',
    help: 'Pods that may send from any address: they run since before the check, or have asked for it',
    labelNames: [],
    read: (sample) => sample(unchecked(), {}),
  })
}
