/** Metrics of the service proxy under kube-proxy's names, where the meaning is the same: dashboards and alerts go on working. */
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import { Counter, Histogram, linearBuckets } from 'prom-client'

/** Buckets of kube-proxy, in seconds. */
const SYNC_BUCKETS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power)
const PROGRAMMING_BUCKETS = [
  ...linearBuckets(0.25, 0.25, 2),
  ...linearBuckets(1, 1, 59),
  ...linearBuckets(60, 5, 12),
  ...linearBuckets(120, 30, 7),
]

export interface ServiceCounts {
  readonly services: number
  /** Those of which a port at an address has no endpoint to lead to. */
  readonly withoutEndpoints: number
  /** Virtual servers that the kernel has. */
  readonly servers: number
  /** How many of each code. */
  readonly problems: ReadonlyMap<string, number>
}

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
  /** The same under kube-router's name and with its buckets. */
  readonly #ipvsSync = new Histogram({
    name: 'kube_router_controller_ipvs_services_sync_time',
    help: 'Time of one flush to the kernel in seconds, under the name that kube-router has for it',
    registers: [],
  })
  readonly #programming = new Histogram({
    name: 'kubeproxy_network_programming_duration_seconds',
    help: 'Time from the change of a Pod or Service to the kernel of this node',
    buckets: PROGRAMMING_BUCKETS,
    registers: [],
  })
  /** Milliseconds since 1970; 0 before the first. */
  #lastQueued = 0
  /** Plain numbers: they change with every object. */
  readonly #total = { service: 0, endpoint: 0 }
  readonly #pending = { service: 0, endpoint: 0 }
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
    this.#lastQueued = at
    this.#total[kind]++
    this.#pending[kind]++
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
      this.#pending[change.kind]--
      if (change.trigger !== undefined) this.#programming.observe((now - change.trigger) / 1000)
    }
    this.#waiting = later
    this.#lastFlush = now
    this.#sync.observe(milliseconds / 1000)
    this.#ipvsSync.observe(milliseconds / 1000)
  }

  /** A health page of the proxy was answered. */
  answered(page: 'healthz' | 'livez', status: number): void {
    this.#answers[page].inc({ code: String(status) })
  }

  declare(declare: DeclareMetric, counts: () => ServiceCounts): void {
    declareServices(declare, counts)
    for (const histogram of [this.#sync, this.#ipvsSync, this.#programming]) declare.own(histogram)
    for (const counter of [this.#answers.healthz, this.#answers.livez]) declare.own(counter)
    const number = (name: string, help: string, value: () => number) =>
      declare.metric({
        ...{ name: `kubeproxy_sync_proxy_rules_${name}`, help },
        read: (sample) => sample(value()),
      })
    number('last_queued_timestamp_seconds', 'When a change last came', () => this.#lastQueued / 1000)
    number(
      'last_timestamp_seconds',
      'When the kernel was last brought up to date',
      () => this.#lastFlush / 1000,
    )
    for (const kind of ['service', 'endpoint'] as const) {
      number(`${kind}_changes_total`, `Changes of ${kind}s that came`, () => this.#total[kind])
      const help = `Changes of ${kind}s that the kernel has not got yet`
      number(`${kind}_changes_pending`, help, () => this.#pending[kind])
    }
  }
}

function declareServices(declare: DeclareMetric, counts: () => ServiceCounts): void {
  const number = (name: string, help: string, value: (counts: ServiceCounts) => number) =>
    declare.metric({ name, help, read: (sample) => sample(value(counts())) })
  number('podroute_services', 'Services of the cluster that are known', ({ services }) => services)
  number(
    'podroute_services_without_endpoints',
    'Services with an address whose traffic no endpoint takes, on this node',
    ({ withoutEndpoints }) => withoutEndpoints,
  )
  number(
    'kube_router_controller_ipvs_services',
    'Virtual servers in the kernel, by the name that kube-router has for them',
    ({ servers }) => servers,
  )
  declare.metric({
    name: 'podroute_service_problems',
    help: 'What of Services cannot be used, by code, as podroute services shows it',
    labelNames: ['code'],
    read(sample) {
      for (const [code, count] of counts().problems) sample(count, { code })
    },
  })
}

function answers(page: 'healthz' | 'livez'): Counter<'code'> {
  const name = `kubeproxy_proxy_${page}_total`
  return new Counter({ name, help: `Answers of the page /${page}`, labelNames: ['code'], registers: [] })
}
