/** IPVS in memory, as strict as the real one about what is there. */
import { destinationKey, type ServerKey, serverKey } from '../ipvs/keys.ts'
import type {
  Connections,
  Destination,
  DestinationsByServer,
  IpvsApi,
  IpvsOp,
  VirtualServer,
} from '../kernel.ts'
import { FakeError } from './fake-error.ts'

export interface FakeServer {
  server: VirtualServer
  readonly destinations: Map<string, Destination>
}

export interface FakeIpvsOptions {
  /** Called with each operation: `add-server tcp 10.96.0.1 80`. */
  onOp?(message: string): void
  /** Called at each listing. */
  onList?(): void
}

export class FakeIpvs implements Required<IpvsApi> {
  /** Tests change them by hand, too. */
  readonly virtualServers = new Map<ServerKey, FakeServer>()
  /** Established connections of a destination, by `address:port`. */
  readonly connections = new Map<string, number>()
  /** Those that are closed and wait, as in TIME_WAIT. */
  readonly inactive = new Map<string, number>()
  /** Names of those that it does not have. */
  readonly missingSchedulers = new Set<string>()
  /** Whether the kernel has IPVS at all. */
  present = true
  readonly #options: FakeIpvsOptions

  // Tests put calls of their own in the place of these, and call these from there.

  servers = async (): Promise<readonly VirtualServer[]> => {
    this.#options.onList?.()
    if (!this.present) throw new FakeError('FEATURE')
    return [...this.virtualServers.values()].map(({ server }) => server)
  }

  destinations = async (server: VirtualServer): Promise<readonly (Destination & Connections)[]> => {
    this.#options.onList?.()
    return this.#destinations(serverKey(server))
  }

  apply = async (ops: readonly IpvsOp[]): Promise<readonly (Error | null)[]> =>
    ops.map((op) => this.#change(op))

  constructor(options: FakeIpvsOptions = {}) {
    this.#options = options
  }

  /** A portion for each server. */
  async *table(): AsyncIterable<DestinationsByServer> {
    this.#options.onList?.()
    for (const key of [...this.virtualServers.keys()]) yield new Map([[key, this.#destinations(key)]])
  }

  async serversRevision(): Promise<string> {
    return JSON.stringify([...this.virtualServers].map(([key, { server }]) => [key, server]))
  }

  async tableRevision(): Promise<string> {
    return JSON.stringify(
      [...this.virtualServers].map(([key, { server, destinations }]) => [key, server, [...destinations]]),
    )
  }

  #destinations(key: ServerKey): (Destination & Connections)[] {
    const there = this.virtualServers.get(key)?.destinations.values() ?? []
    return [...there].map((destination) => {
      const at = `${destination.address}:${destination.port}`
      const activeConnections = this.connections.get(at) ?? 0
      return { ...destination, activeConnections, inactiveConnections: this.inactive.get(at) ?? 0 }
    })
  }

  #change(op: IpvsOp): Error | null {
    const key = serverKey(op.server)
    const there = this.virtualServers.get(key)
    this.#options.onOp?.(`${op.kind} ${key}`)
    const chooses = op.kind === 'add-server' || op.kind === 'replace-server'
    if (chooses && this.missingSchedulers.has(op.server.scheduler)) return new FakeError('ENOENT')
    if (op.kind === 'add-server') {
      if (there) return new FakeError('EEXIST')
      this.virtualServers.set(key, { server: op.server, destinations: new Map() })
      return null
    }
    if (!there) return new FakeError('ESRCH')
    if (op.kind === 'replace-server') there.server = op.server
    else if (op.kind === 'remove-server') this.virtualServers.delete(key)
    else if ('destination' in op) return changeDestination(there, op)
    return null
  }
}

function changeDestination(
  { destinations }: FakeServer,
  op: Extract<IpvsOp, { destination: Destination }>,
): Error | null {
  const key = destinationKey('', op.destination)
  const there = destinations.has(key)
  if (op.kind === 'add-destination' ? there : !there) {
    return new FakeError(there ? 'EEXIST' : 'ENOENT')
  }
  if (op.kind === 'remove-destination') destinations.delete(key)
  else destinations.set(key, op.destination)
  return null
}
