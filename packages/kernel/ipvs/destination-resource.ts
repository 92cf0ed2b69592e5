/** Destinations of our virtual servers as a Resource. */
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { Destination, DestinationsByServer, IpvsApi, IpvsOp, VirtualServer } from '../kernel.ts'
import { type DestinationKey, destinationKey, isOurs, type ServerKey, serverKey, serverOf } from './keys.ts'

/** A destination waits for its virtual server. */
class NoServerError extends Error {
  override readonly name = 'NoServerError'
  readonly code = 'NO_SERVER'

  constructor(server: ServerKey) {
    super(`no virtual server ${server} of ours`)
  }
}

export interface ServerDestination {
  readonly server: VirtualServer
  readonly destination: Destination
}

/** What the table of virtual servers knows. */
export interface ServersOfDestinations {
  /** The server, if it is in place and ours: somebody else's may hold the same address, and gets no destination from us. */
  inPlace(key: ServerKey): VirtualServer | undefined
  /** The kernel does not know this server: somebody removed it. */
  missing(key: ServerKey): void
}

type DestinationOp = Op<DestinationKey, ServerDestination>

export class DestinationResource implements Resource<DestinationKey, ServerDestination> {
  readonly name = 'destinations'
  readonly #ipvs: IpvsApi
  readonly #servers: ServersOfDestinations

  constructor(ipvs: IpvsApi, servers: ServersOfDestinations) {
    this.#ipvs = ipvs
    this.#servers = servers
  }

  equal(a: ServerDestination, b: ServerDestination): boolean {
    return (
      a.destination.weight === b.destination.weight && a.destination.forwarding === b.destination.forwarding
    )
  }

  async *list(): AsyncIterable<Iterable<readonly [DestinationKey, ServerDestination]>> {
    for await (const portion of this.#ipvs.table()) yield this.#ours(portion)
  }

  async revision(): Promise<string | undefined> {
    return this.#ipvs.tableRevision?.()
  }

  async read(keys: readonly DestinationKey[]): Promise<ReadonlyMap<DestinationKey, ServerDestination>> {
    const wanted = new Set(keys)
    const wantedServers = new Set(keys.map(serverOf))
    const found = new Map<DestinationKey, ServerDestination>()
    for (const server of await this.#ipvs.servers()) {
      const owner = serverKey(server)
      if (!isOurs(server) || !wantedServers.has(owner)) continue
      const destinations = await this.#ipvs.destinations(server)
      for (const [key, value] of placed(owner, server, destinations))
        if (wanted.has(key)) found.set(key, value)
    }
    return found
  }

  async apply(ops: readonly DestinationOp[]): Promise<readonly Outcome[]> {
    let last: VirtualServer | undefined
    let inPlace = false
    const possible = ops.filter((op) => {
      const { server } = op.kind === 'remove' ? op.previous : op.value
      // Those of one server come one after the other.
      if (server !== last) inPlace = this.#servers.inPlace(serverOf(op.key)) !== undefined
      last = server
      return inPlace
    })
    const results = await this.#ipvs.apply(possible.map(toIpvsOp))
    if (possible.length === ops.length) return ops.map((op, index) => this.#judge(op, results[index]))
    const outcomes = new Map(possible.map((op, index) => [op, this.#judge(op, results[index])]))
    return ops.map((op) => outcomes.get(op) ?? withoutServer(op))
  }

  /** Whatever had a server goes with it, so a missing server means that its destinations are removed already. */
  #judge(op: DestinationOp, error: Error | null | undefined): Outcome {
    if (codeOf(error) !== 'ESRCH') return outcomeOf(error)
    if (op.kind === 'remove') return DONE
    this.#servers.missing(serverOf(op.key))
    return outcomeOf(error)
  }

  *#ours(portion: DestinationsByServer): Iterable<readonly [DestinationKey, ServerDestination]> {
    for (const [key, destinations] of portion) {
      const server = this.#servers.inPlace(key)
      if (server) yield* placed(key, server, destinations)
    }
  }
}

function* placed(
  key: ServerKey,
  server: VirtualServer,
  destinations: readonly Destination[],
): Iterable<readonly [DestinationKey, ServerDestination]> {
  for (const { address, port, weight, forwarding } of destinations) {
    yield [
      destinationKey(key, { address, port }),
      { server, destination: { address, port, weight, forwarding } },
    ]
  }
}

function withoutServer(op: DestinationOp): Outcome {
  if (op.kind === 'remove') return DONE
  return outcomeOf(new NoServerError(serverOf(op.key)))
}

const KINDS = {
  add: 'add-destination',
  replace: 'replace-destination',
  remove: 'remove-destination',
} as const

function toIpvsOp(op: DestinationOp): IpvsOp {
  const { server, destination } = op.kind === 'remove' ? op.previous : op.value
  return { kind: KINDS[op.kind], server, destination }
}
