/** One metric whose samples are read when it is scraped; its name tells its type. */
import { Counter, Gauge, type Registry } from 'prom-client'

export type Labels<L extends string> = Readonly<Record<L, string>>

export interface Metric<L extends string> {
  /** Ends in `_total` when it only grows: a counter. Otherwise a gauge. */
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly L[]
  /** Calls `sample` for each value there is now. */
  read(sample: (value: number, labels?: Labels<L>) => void): void
}

export function declareMetric<L extends string>(registry: Registry, metric: Metric<L>): void {
  const { name, help, labelNames = [] } = metric
  const options = { name, help, labelNames, registers: [registry] }
  if (name.endsWith('_total')) {
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
