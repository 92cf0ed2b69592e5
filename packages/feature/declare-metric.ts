/** Declares the metrics of features with a Prometheus registry: their samples are read when it is scraped. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { DeclareMetric, Metric } from './metric.ts'

export function declareWith(registry: Registry): DeclareMetric {
  return {
    metric: (metric) => declareMetric(registry, metric),
    own: (metric) => registry.registerMetric(metric),
  }
}

function declareMetric<L extends string>(registry: Registry, metric: Metric<L>): void {
  const { name, help, labelNames = [], type = name.endsWith('_total') ? 'counter' : 'gauge' } = metric
  const options = { name, help, labelNames, registers: [registry] }
  if (type === 'counter') {
    new Counter({
      ...options,
      collect() {
        this.reset()
        metric.read((value, labels) => this.inc(labels ?? {}, value))
      },
    })
    return
  }
  new Gauge({
    ...options,
    collect() {
      this.reset()
      metric.read((value, labels) => this.set(labels ?? {}, value))
    },
  })
}
