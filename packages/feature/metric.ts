/** One metric whose samples are read when it is scraped. */
import type { Metric as PrometheusMetric } from 'prom-client'

export type Labels<L extends string> = Readonly<Record<L, string>>

export interface Metric<L extends string> {
  readonly name: string
  /** By default a name that ends in `_total` is a counter's, all others are gauges'. Said where a name of another product has it differently. */
  readonly type?: 'counter' | 'gauge'
  readonly help: string
  readonly labelNames?: readonly L[]
  /** Calls `sample` for each value there is now. */
  read(sample: (value: number, labels?: Labels<L>) => void): void
}

/** Where a feature declares its metrics. */
export interface DeclareMetric {
  metric<L extends string>(metric: Metric<L>): void
  /** A metric that keeps its own state, such as a histogram. */
  own(metric: PrometheusMetric): void
}
