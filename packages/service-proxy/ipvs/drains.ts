/** Endpoints that take no new connections any more, and go when their last connection ends or their time is over. */
import { type DestinationKey, destinationKey, type ServerKey, serverKey } from '@podroute/kernel/ipvs/keys.ts'
import type {
  Connections,
  Destination,
  DestinationsByServer,
  VirtualServer,
} from '@podroute/kernel/kernel.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'

export interface DrainOptions {
  readonly clock: Clock
  /** The destinations of servers with their connections, as the kernel counts them; of as many servers as there is time for. */
  connections(servers: Iterable<VirtualServer>): Promise<DestinationsByServer>
  /** Whether the kernel knows that this destination takes no new connections. */
  quiet(key: DestinationKey): boolean
  /** Its time is over. */
  finish(key: DestinationKey): void
}

interface Drain {
  readonly server: VirtualServer
  /** Milliseconds of the clock. */
  readonly deadline: number
}

const POLL_MS = 1000

export class Drains implements Disposable {
  readonly #options: DrainOptions
  /** Those that wait longest first. */
  readonly #drains = new Map<DestinationKey, Drain>()
  readonly #byServer = new Map<ServerKey, Set<DestinationKey>>()
  #timer: Disposable | undefined
  #closed = false

  constructor(options: DrainOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#drains.size
  }

  /** One that drains already keeps its deadline. */
  start(key: DestinationKey, server: VirtualServer, milliseconds: number): void {
    if (this.#drains.has(key)) return
    this.#drains.set(key, { server, deadline: this.#options.clock.now() + milliseconds })
    const owner = serverKey(server)
    const keys = this.#byServer.get(owner)
    if (keys) keys.add(key)
    else this.#byServer.set(owner, new Set([key]))
    this.#wake()
  }

  /** It came back, or goes at once. */
  cancel(key: DestinationKey): void {
    const drain = this.#drains.get(key)
    if (!drain) return
    this.#drains.delete(key)
    const owner = serverKey(drain.server)
    const keys = this.#byServer.get(owner)
    keys?.delete(key)
    if (keys?.size === 0) this.#byServer.delete(owner)
  }

  /** Those of one server. */
  of(server: ServerKey): readonly DestinationKey[] {
    return [...(this.#byServer.get(server) ?? [])]
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#timer?.[Symbol.dispose]()
  }

  #wake(): void {
    if (this.#closed || this.#timer || this.#drains.size === 0) return
    this.#timer = this.#options.clock.after(POLL_MS, () => {
      this.#round().finally(() => {
        this.#timer = undefined
        this.#wake()
      })
    })
  }

  async #round(): Promise<void> {
    const now = this.#options.clock.now()
    for (const [key, { deadline }] of this.#drains) if (deadline <= now) this.#finish(key)
    // What cannot be asked waits for its deadline.
    const table = await this.#options.connections(this.#quietServers()).catch(() => new Map())
    for (const [owner, destinations] of table) this.#judge(owner, destinations)
  }

  /** One after the other, as they are asked for: of thousands there is time for a few. */
  *#quietServers(): Iterable<VirtualServer> {
    const given = new Set<ServerKey>()
    for (const [key, { server }] of this.#drains) {
      const owner = serverKey(server)
      if (given.has(owner) || !this.#options.quiet(key)) continue
      given.add(owner)
      yield server
    }
  }

  #judge(owner: ServerKey, destinations: readonly (Destination & Connections)[]): void {
    for (const there of destinations) {
      const key = destinationKey(owner, there)
      const drain = this.#drains.get(key)
      if (!drain || there.weight > 0) continue
      if (there.activeConnections + there.inactiveConnections === 0) this.#finish(key)
      else this.#toTheEnd(key, drain)
    }
  }

  /** The others have their turn in the next round. */
  #toTheEnd(key: DestinationKey, drain: Drain): void {
    this.#drains.delete(key)
    this.#drains.set(key, drain)
  }

  #finish(key: DestinationKey): void {
    this.cancel(key)
    this.#options.finish(key)
  }
}
