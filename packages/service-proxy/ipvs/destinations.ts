/** The destinations of all frontends: put in place, drained when their endpoint goes, brought back when it returns. */
import type { ServerDestination } from '@podroute/kernel/ipvs/destination-resource.ts'
import {
  type DestinationKey,
  destinationKey,
  type ServerKey,
  serverKey,
  serverOf,
} from '@podroute/kernel/ipvs/keys.ts'
import { sameServer } from '@podroute/kernel/ipvs/virtual-server-resource.ts'
import type {
  Connections,
  Destination,
  DestinationsByServer,
  IpvsApi,
  VirtualServer,
} from '@podroute/kernel/kernel.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import type { Frontend } from '../plan/frontend.ts'
import { Drains } from './drains.ts'

export interface DestinationsOptions {
  readonly clock: Clock
  readonly ipvs: IpvsApi
  /** For how long a destination that goes keeps its connections, in seconds, where its Service does not say. */
  readonly drain: number
  /** Nothing of a virtual server drains any more. */
  drained?(server: ServerKey): void
}

export class Destinations implements Disposable {
  readonly #table: Table<DestinationKey, ServerDestination>
  readonly #drains: Drains
  #drain: number

  constructor(table: Table<DestinationKey, ServerDestination>, options: DestinationsOptions) {
    this.#table = table
    this.#drain = options.drain
    this.#drains = new Drains({
      clock: options.clock,
      connections: (servers) => connectionsOf(options, servers),
      quiet: (key) => table.acknowledged(key)?.destination.weight === 0,
      finish: (key) => {
        table.delete(key)
        const server = serverOf(key)
        if (this.#drains.of(server).length === 0) options.drained?.(server)
      },
    })
  }

  /** @param drain in seconds, for destinations that go from now on */
  configure(drain: number): void {
    this.#drain = drain
  }

  /** How many destinations wait for their connections to end. */
  get draining(): number {
    return this.#drains.size
  }

  /** Whether anything of a virtual server waits for its connections to end. */
  isDraining(server: ServerKey): boolean {
    return this.#drains.of(server).length > 0
  }

  /** From what a frontend was to what it is. */
  change(before: Frontend | undefined, after: Frontend | undefined): void {
    // What stays as it is, nearly always most of them, costs nothing; with another server all are tried anew.
    const same = before && after && sameServer(before.server, after.server)
    const wanted = new Set<DestinationKey>()
    for (const [key, destination] of destinationsOf(after, same ? before : undefined)) {
      wanted.add(key)
      this.#drains.cancel(key)
      this.#table.set(key, { server: after!.server, destination })
    }
    for (const [key, destination] of destinationsOf(before, same ? after : undefined)) {
      if (wanted.has(key)) continue
      if (after) this.#release(key, destination, after)
      else this.#remove(key)
    }
    if (before && !after) for (const key of this.#drains.of(before.key)) this.#remove(key)
  }

  /** What an earlier run left in the kernel: the connections of its endpoints may go on, too. */
  adopt(frontendOf: (server: ServerKey) => Frontend | undefined): void {
    for (const [key, { destination }] of this.#table.unwanted()) {
      const frontend = frontendOf(serverOf(key))
      if (frontend) this.#release(key, destination, frontend)
    }
  }

  [Symbol.dispose](): void {
    this.#drains[Symbol.dispose]()
  }

  /** In seconds. Datagrams have no connection that could end well: they are better served elsewhere at once. */
  drainOf({ protocol, drain }: Frontend): number {
    return protocol === 'udp' ? 0 : (drain ?? this.#drain)
  }

  #release(key: DestinationKey, destination: Destination, frontend: Frontend): void {
    const seconds = this.drainOf(frontend)
    // What the kernel never got has no connections.
    if (seconds === 0 || this.#table.acknowledged(key) === undefined) {
      this.#remove(key)
      return
    }
    const { server } = frontend
    this.#table.set(key, { server, destination: { ...destination, weight: 0 } })
    this.#drains.start(key, server, seconds * 1000)
  }

  #remove(key: DestinationKey): void {
    this.#drains.cancel(key)
    this.#table.delete(key)
  }
}

/** Milliseconds that one round of questions may take; drains ask once a second. */
const PATIENCE = 25

/**
 * One server after the other, those that wait longest first, for as long as there is time: reading the whole table at once grows
 * with the cluster, and a destination that nobody asked about still goes at its deadline.
 */
async function connectionsOf(
  { ipvs, clock }: DestinationsOptions,
  servers: Iterable<VirtualServer>,
): Promise<DestinationsByServer> {
  const found = new Map<ServerKey, readonly (Destination & Connections)[]>()
  const end = clock.now() + PATIENCE
  for (const server of servers) {
    if (clock.now() >= end) break
    found.set(serverKey(server), await ipvs.destinations(server))
  }
  return found
}

/** Destinations of `frontend` that differ from those of `other` at the same index. */
function* destinationsOf(
  frontend: Frontend | undefined,
  other: Frontend | undefined,
): Iterable<readonly [DestinationKey, Destination]> {
  for (const [index, destination] of frontend?.destinations.entries() ?? []) {
    if (sameDestination(destination, other?.destinations[index])) continue
    yield [destinationKey(frontend!.key, destination), destination]
  }
}

function sameDestination(a: Destination, b: Destination | undefined): boolean {
  return (
    a.address === b?.address && a.port === b.port && a.weight === b.weight && a.forwarding === b.forwarding
  )
}
