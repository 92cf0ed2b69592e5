/** One metric whose samples are read when it is scraped. */
import type { Metric as PrometheusMetric } from 'prom-client'

export type Labels<L extends string> = Readonly<Record<L, string>>

export interface Metric<L extends string> {
  /** Ends in `_total` when it only grows: a counter. Otherwise a gauge. */
  readonly name: string
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
