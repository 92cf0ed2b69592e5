/** Posts Kubernetes Events: a few at a time, and never at the expense of anything else. */
import type { Logger } from '@podroute/reconcile/log.ts'

export interface EventPoster {
  postJson(path: string, body: unknown, signal: AbortSignal): Promise<unknown>
}

/** What of an Event says where it is posted. */
export interface PostedEvent {
  readonly metadata: { readonly namespace: string }
}

export interface EventSinkOptions {
  client(): Promise<EventPoster>
  readonly log: Logger
  pause(milliseconds: number): Promise<unknown>
}

/** Those that wait; a cluster full of mistakes must not fill the memory, or the API server. */
const LONGEST_QUEUE = 200
/** Between two Events, in milliseconds. */
const GAP = 200
const TRIES = 3
const PATIENCE = 5000

export class EventSink {
  readonly #options: EventSinkOptions
  readonly #queue: PostedEvent[] = []
  #posting = false
  #complained = false

  constructor(options: EventSinkOptions) {
    this.#options = options
  }

  add(event: PostedEvent): void {
    if (this.#queue.length >= LONGEST_QUEUE) return
    this.#queue.push(event)
    if (!this.#posting) void this.#post()
  }

  async #post(): Promise<void> {
    this.#posting = true
    for (let event = this.#queue.shift(); event; event = this.#queue.shift()) {
      await this.#postOne(event)
      await this.#options.pause(GAP)
    }
    this.#posting = false
  }

  /** An Event that cannot be posted is in the log as well: it is given up, and that is said once. */
  async #postOne(event: PostedEvent): Promise<void> {
    const path = `/apis/events.k8s.io/v1/namespaces/${event.metadata.namespace}/events`
    for (let attempt = 1; ; attempt++) {
      try {
        const client = await this.#options.client()
        await client.postJson(path, event, AbortSignal.timeout(PATIENCE))
        this.#complained = false
        return
      } catch (error) {
        if (attempt < TRIES) {
          await this.#options.pause(GAP * 5 ** attempt)
          continue
        }
        if (!this.#complained) this.#options.log.warn('Events cannot be posted', { error })
        this.#complained = true
        return
      }
    }
  }
}
