/**
 * Keeps the condition NetworkUnavailable of this node's own Node true: Kubernetes taints the Node by it, so that no pod is sent where it would
 * have no network. It says what the agent finds on the node. What cannot be known, as while the API server is away, changes nothing.
 */
import type { ApiClient } from '@podroute/cluster/api/client.ts'
import { ApiStatusError } from '@podroute/cluster/errors.ts'
import type { NetworkUnavailable } from '@podroute/cluster/objects/node.ts'
import { backoff } from '@podroute/cluster/watch/backoff.ts'
import type { Condition } from '@podroute/feature/condition.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { conditionOf, isOurs, isSaid, type Verdict, verdictOf } from './verdict.ts'

export interface NodeConditionOptions {
  readonly nodeName: string
  client(): Promise<Pick<ApiClient, 'patchJson'>>
  /** What must hold for the network to work; undefined: it cannot be known now. */
  conditions(): readonly Condition[] | undefined
  /** Milliseconds that something must be missing before it is said: starts and repairs are shorter. */
  patience(): number
  enabled(): boolean
  readonly clock: Clock
  /** Wall-clock time. */
  readonly wall: () => Date
  readonly random: () => number
  readonly log: Logger
}

/** Milliseconds that a network which was said to be missing must work before that is said. */
const SETTLED = 10_000
/** Pauses after a write that failed, or that somebody else undid. */
const PAUSES = { first: 2000, max: 600_000 }
/** What was said for so long was not in vain. */
const HELD = 60_000
const REQUEST = 10_000

export class NodeCondition implements Disposable {
  readonly #options: NodeConditionOptions
  readonly #stop = new AbortController()
  /** As the API server has it; null: there is no Node. */
  #seen: NetworkUnavailable | undefined | null = null
  #verdict: Verdict | undefined
  /** Clock time from which on it is as it is, but for its words. */
  #since = 0
  #timer: Disposable | undefined
  #writing = false
  /** Writes in a row that failed or were undone. */
  #vain = 0
  /** Clock time since which the API says the same. */
  #saidSince: number | undefined
  /** Clock time before which nothing is written. */
  #notBefore = 0
  #complaint = ''

  constructor(options: NodeConditionOptions) {
    this.#options = options
  }

  /** The Node has this condition now; null: there is no Node. */
  observed(seen: NetworkUnavailable | undefined | null): void {
    this.#seen = seen
    this.look()
  }

  /** The network may be another than before. */
  look(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (this.#stop.signal.aborted || this.#seen === null) return
    if (this.#options.enabled()) this.#say()
    else this.#withdraw()
  }

  /** Takes back what was said. Rejects when that cannot be now. */
  async remove(): Promise<void> {
    this[Symbol.dispose]()
    if (!isOurs(this.#seen ?? undefined)) return
    try {
      await this.#patch([], AbortSignal.timeout(REQUEST))
    } catch (error) {
      // Trying again would change nothing.
      if (!(error instanceof ApiStatusError && (error.notFound || error.status === 403))) throw error
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
    this.#timer?.[Symbol.dispose]()
  }

  #say(): void {
    const conditions = this.#options.conditions()
    if (!conditions) return
    const now = this.#options.clock.now()
    const verdict = verdictOf(conditions)
    if (verdict.kind !== this.#verdict?.kind) {
      this.#since = now
      this.#vain = 0
    }
    this.#verdict = verdict
    if (isSaid(verdict, this.#seen ?? undefined)) {
      this.#saidSince ??= now
      return
    }
    if (now - (this.#saidSince ?? now) > HELD) this.#vain = 0
    this.#saidSince = undefined
    const wait = Math.max(this.#since + this.#patience(verdict) - now, this.#notBefore - now)
    if (wait > 0) this.#timer = this.#options.clock.after(wait, () => this.look())
    else void this.#write([conditionOf(verdict, this.#seen ?? undefined, this.#options.wall())])
  }

  /** A network that works is told at once, the first time: pods wait for it. */
  #patience({ kind }: Verdict): number {
    if (kind === 'broken') return this.#options.patience()
    return this.#seen?.status === 'True' && isOurs(this.#seen) ? SETTLED : 0
  }

  #withdraw(): void {
    this.#verdict = undefined
    if (!isOurs(this.#seen ?? undefined)) return
    const wait = this.#notBefore - this.#options.clock.now()
    if (wait > 0) this.#timer = this.#options.clock.after(wait, () => this.look())
    else void this.#write([])
  }

  /** Never rejects. What was written comes back by the watch; until then nothing more is. */
  async #write(conditions: readonly object[]): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    try {
      await this.#patch(conditions, AbortSignal.any([this.#stop.signal, AbortSignal.timeout(REQUEST)]))
      this.#complaint = ''
    } catch (error) {
      this.#failed(error)
    }
    this.#writing = false
    const { clock, random } = this.#options
    this.#notBefore = clock.now() + backoff(this.#vain++, PAUSES, random)
    this.look()
  }

  async #patch(conditions: readonly object[], signal: AbortSignal): Promise<void> {
    const { nodeName, client } = this.#options
    const body = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName }, status: { conditions } }
    const path = `/api/v1/nodes/${encodeURIComponent(nodeName)}/status`
    const api = await client()
    await api.patchJson(path, { kind: 'apply', body, manager: 'podroute', force: true }, signal)
  }

  #failed(error: unknown): void {
    if (this.#stop.signal.aborted) return
    // A Node that is gone is told by its watch.
    if (error instanceof ApiStatusError && error.notFound) return
    const complaint = error instanceof ApiStatusError ? String(error.status) : 'away'
    if (complaint !== this.#complaint)
      this.#options.log.warn('the Node’s condition NetworkUnavailable cannot be written', {
        error,
        todo: 'the network works all the same; allow patch on nodes/status: apply the ClusterRole of deploy/podroute.yaml, or set podNetwork.nodeCondition to false',
      })
    this.#complaint = complaint
  }
}
