/** Metrics of the service proxy under kube-proxy's names, where the meaning is the same: dashboards and alerts go on working. */
import { Counter, Gauge, Histogram, linearBuckets, type Registry } from 'prom-client'

/** Buckets of kube-proxy, in seconds. */
const SYNC_BUCKETS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power)
const PROGRAMMING_BUCKETS = [
  ...linearBuckets(0.25, 0.25, 2),
  ...linearBuckets(1, 1, 59),
  ...linearBuckets(60, 5, 12),
  ...linearBuckets(120, 30, 7),
]

export type ChangedKind = 'service' | 'endpoint'

interface Change {
  readonly kind: ChangedKind
  /** Milliseconds since 1970. */
  readonly at: number
  /** When what it follows from happened; undefined: not known. */
  readonly trigger: number | undefined
}

export class ProxyMetrics {
  readonly #now: () => number
  readonly #started: number
  #waiting: Change[] = []
  #lastFlush = 0
  readonly #sync = new Histogram({
    name: 'kubeproxy_sync_proxy_rules_duration_seconds',
    help: 'Time of one flush to the kernel',
    buckets: SYNC_BUCKETS,
    registers: [],
  })
  readonly #programming = new Histogram({
    name: 'kubeproxy_network_programming_duration_seconds',
    help: 'Time from the change of a Pod or Service to the kernel of this node',
    buckets: PROGRAMMING_BUCKETS,
    registers: [],
  })
  readonly #lastQueued = gauge('last_queued_timestamp_seconds', 'When a change last came')
  readonly #lastSynced = gauge('last_timestamp_seconds', 'When the kernel was last brought up to date')
  readonly #changes = { service: changes('service'), endpoint: changes('endpoint') }
  readonly #answers = { healthz: answers('healthz'), livez: answers('livez') }

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now
    this.#started = now()
  }

  /** When the kernel was last brought up to date, in milliseconds since 1970; the start, before that. */
  get lastFlush(): number {
    return this.#lastFlush || this.#started
  }

  /** @param trigger annotation `endpoints.kubernetes.io/last-change-trigger-time` */
  changed(kind: ChangedKind, trigger?: string): void {
    const at = this.#now()
    const time = trigger === undefined ? Number.NaN : Date.parse(trigger)
    // What happened before the start says nothing about this agent.
    this.#waiting.push({ kind, at, trigger: time > this.#started ? time : undefined })
    this.#lastQueued.set(at / 1000)
    this.#changes[kind].total.inc()
    this.#changes[kind].pending.inc()
  }

  /** A flush that took so many milliseconds is over. */
  flushed(milliseconds: number): void {
    const now = this.#now()
    const later: Change[] = []
    for (const change of this.#waiting) {
      if (change.at > now - milliseconds) {
        later.push(change)
        continue
      }
      this.#changes[change.kind].pending.dec()
      if (change.trigger !== undefined) this.#programming.observe((now - change.trigger) / 1000)
    }
    this.#waiting = later
    this.#lastFlush = now
    this.#sync.observe(milliseconds / 1000)
    this.#lastSynced.set(now / 1000)
  }

  /** A health page of the proxy was answered. */
  answered(page: 'healthz' | 'livez', status: number): void {
    this.#answers[page].inc({ code: String(status) })
  }

  registerWith(registry: Registry): void {
    const { service, endpoint } = this.#changes
    for (const histogram of [this.#sync, this.#programming]) registry.registerMetric(histogram)
    for (const metric of [this.#lastQueued, this.#lastSynced, service.pending, endpoint.pending])
      registry.registerMetric(metric)
    for (const counter of [service.total, endpoint.total, this.#answers.healthz, this.#answers.livez])
      registry.registerMetric(counter)
  }
}

function gauge(name: string, help: string): Gauge {
  return new Gauge({ name: `kubeproxy_sync_proxy_rules_${name}`, help, registers: [] })
}

function changes(kind: ChangedKind): { readonly total: Counter; readonly pending: Gauge } {
  const name = `kubeproxy_sync_proxy_rules_${kind}_changes_total`
  return {
    total: new Counter({ name, help: `Changes of ${kind}s that came`, registers: [] }),
    pending: gauge(`${kind}_changes_pending`, `Changes of ${kind}s that the kernel has not got yet`),
  }
}

function answers(page: 'healthz' | 'livez'): Counter<'code'> {
  const name = `kubeproxy_proxy_${page}_total`
  return new Counter({ name, help: `Answers of the page /${page}`, labelNames: ['code'], registers: [] })
}
