/**
 * Holds a Lease: of all that want it, at most one has it at a time, as long as clocks run at about the same speed. Waiting, held and lost
 * follow each other until it is ended:
 *
 *     waiting --acquired--> held --not renewed within the deadline, or somebody else's--> waiting
 *
 * Times and order of requests are those of client-go's leader election (tools/leaderelection), so that both may share a Lease.
 */
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { ApiClient } from '../api/client.ts'
import { ApiStatusError } from '../errors.ts'
import {
  heldBy,
  isTaken,
  type LeaseObject,
  type LeaseSpec,
  type Observation,
  observe,
  released,
} from './record.ts'

export interface LeaseOptions {
  readonly namespace: string
  readonly name: string
  /** Who we are among those that want it: a node's name, or a pod's with something that tells a restarted one apart. */
  readonly identity: string
  client(): Promise<Pick<ApiClient, 'getJson' | 'postJson' | 'putJson'>>
  readonly clock: Clock
  /** Wall-clock time. */
  readonly wall: () => Date
  /** 0 to 1. */
  readonly random: () => number
  readonly log: Logger
  /** It is ours: the work of its holder may begin. */
  acquired(): void
  /** It is not ours any more, or may not be: the work has to stop at once. */
  lost(): void
  /** For how long others leave it to a holder that is silent, in milliseconds. */
  readonly duration?: number
  /** A holder that could not renew for so long gives up. Shorter than `duration`, so that nobody else has it yet. */
  readonly renewDeadline?: number
  /** Between two tries. */
  readonly retryPeriod?: number
}

const DURATION = 15_000
const RENEW_DEADLINE = 10_000
const RETRY_PERIOD = 2000
/** Those who wait come up to so much later, each at another time. */
const JITTER = 1.2

export class Lease implements AsyncDisposable {
  readonly #options: LeaseOptions
  readonly #path: string
  readonly #times: { readonly duration: number; readonly renewDeadline: number; readonly retryPeriod: number }
  readonly #stop = new AbortController()
  #observation: Observation | undefined
  /** When it was taken or renewed last, before the request went out; undefined: not ours. */
  #renewed: number | undefined
  #deadline: Disposable | undefined
  #timer: Disposable | undefined
  #work: Promise<void> = Promise.resolve()
  /** The one that is under way. */
  #request: AbortController | undefined
  #said = ''

  constructor(options: LeaseOptions) {
    const { duration = DURATION, renewDeadline = RENEW_DEADLINE, retryPeriod = RETRY_PERIOD } = options
    if (!(duration > renewDeadline && renewDeadline > retryPeriod * JITTER))
      throw new RangeError('a Lease wants duration > renewDeadline > 1.2 x retryPeriod')
    this.#options = options
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`
    this.#times = { duration, renewDeadline, retryPeriod }
  }

  /** Whether it is ours now, even if timers are late. */
  get held(): boolean {
    return this.#renewed !== undefined && this.#now() < this.#renewed + this.#times.renewDeadline
  }

  /** Who has it, as far as is known; empty: nobody. */
  get holder(): string {
    return this.#observation?.object.spec?.holderIdentity ?? ''
  }

  /** Wants it from now on. */
  start(): void {
    this.#try()
  }

  /** Wants it no more: what is held is given back, so that the next one need not wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#timer?.[Symbol.dispose]()
    // What is under way may still take the Lease; an API server that is away must not keep the process.
    const { clock } = this.#options
    const patience = clock.after(this.#times.retryPeriod, () => this.#request?.abort())
    await this.#work
    patience[Symbol.dispose]()
    const wasHeld = this.held
    this.#lose()
    if (wasHeld) await this.#release().catch((error: unknown) => this.#failed('cannot be released', error))
  }

  #try(): void {
    this.#work = this.#acquireOrRenew().then(
      () => {
        this.#said = ''
      },
      (error: unknown) => this.#failed('cannot be acquired or renewed', error),
    )
    this.#work.then(() => {
      if (this.#stop.signal.aborted) return
      const { retryPeriod } = this.#times
      const wait = this.held ? retryPeriod : retryPeriod * (1 + this.#options.random() * JITTER)
      this.#timer = this.#options.clock.after(wait, () => this.#try())
    })
  }

  /** @throws what the API answers */
  async #acquireOrRenew(): Promise<void> {
    const { identity } = this.#options
    // Whoever holds it knows what it has written, and need not ask first.
    if (this.held && (await this.#renewUnseen())) return
    const object = await this.#read()
    if (object) this.#observation = observe(this.#observation, object, this.#now())
    if (object && isTaken(this.#observation!, identity, this.#now())) {
      this.#lose()
      return
    }
    await this.#hold(object)
  }

  /** False: somebody has changed or deleted it, so it has to be read. */
  async #renewUnseen(): Promise<boolean> {
    try {
      await this.#hold(this.#observation?.object)
      return true
    } catch (error) {
      if (error instanceof ApiStatusError) return false
      throw error
    }
  }

  async #hold(object: LeaseObject | undefined): Promise<void> {
    const { identity, wall, clock } = this.#options
    const { duration, renewDeadline } = this.#times
    const at = this.#now()
    const spec = heldBy(object, { identity, duration, wall: wall() })
    this.#observation = { object: await this.#write(object, spec), seen: at }
    // The deadline may be over although its timer has not been called.
    if (!this.held) this.#lose()
    const left = at + renewDeadline - this.#now()
    if (left <= 0) return
    if (this.#stop.signal.aborted && !this.held) return this.#release()
    const before = this.held
    this.#renewed = at
    this.#deadline?.[Symbol.dispose]()
    this.#deadline = clock.after(left, () => this.#lose())
    if (!before) this.#become()
  }

  #become(): void {
    this.#options.log.info('a Lease is held', { lease: this.#options.name })
    this.#options.acquired()
  }

  #lose(): void {
    if (this.#renewed === undefined) return
    this.#deadline?.[Symbol.dispose]()
    this.#renewed = undefined
    this.#options.log.info('a Lease is no longer held', { lease: this.#options.name, holder: this.holder })
    this.#options.lost()
  }

  async #release(): Promise<void> {
    const object = this.#observation?.object
    if (object) await this.#write(object, released(object, this.#options.wall()))
  }

  async #read(): Promise<LeaseObject | undefined> {
    try {
      return await this.#ask((client, signal) =>
        client.getJson(`${this.#path}/${this.#options.name}`, {}, signal),
      )
    } catch (error) {
      if (error instanceof ApiStatusError && error.notFound) return undefined
      throw error
    }
  }

  #write(object: LeaseObject | undefined, spec: LeaseSpec): Promise<LeaseObject> {
    const { name, namespace } = this.#options
    const metadata = { name, namespace, ...object?.metadata }
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }
    return this.#ask((client, signal) =>
      object
        ? client.putJson(`${this.#path}/${name}`, body, signal)
        : client.postJson(this.#path, body, signal),
    )
  }

  /** An answer that comes after the deadline is of no use. */
  async #ask(
    request: (client: Awaited<ReturnType<LeaseOptions['client']>>, signal: AbortSignal) => Promise<unknown>,
  ): Promise<LeaseObject> {
    const { retryPeriod, renewDeadline } = this.#times
    const late = new AbortController()
    this.#request = late
    const patience = this.#stop.signal.aborted ? retryPeriod : renewDeadline
    const timer = this.#options.clock.after(patience, () => late.abort())
    try {
      return (await request(await this.#options.client(), late.signal)) as LeaseObject
    } finally {
      timer[Symbol.dispose]()
    }
  }

  /** Once for each reason. That somebody else was faster is no news. */
  #failed(what: string, error: unknown): void {
    if (error instanceof ApiStatusError && error.status === 409) return
    const said = `${what}: ${String(error)}`
    if (said !== this.#said)
      this.#options.log.warn('a Lease is not as wanted', { lease: this.#options.name, what, error })
    this.#said = said
  }

  #now(): number {
    return this.#options.clock.now()
  }
}
