/** A kernel in memory, as strict as the real one about what is there, that counts what it is asked. */
import { destinationKey, serverKey } from '@podroute/kernel/ipvs/keys.ts'
import type {
  Destination,
  DestinationsByServer,
  HttpAnswer,
  IpvsOp,
  Route,
  RouteOp,
  VirtualServer,
} from '@podroute/kernel/kernel.ts'
import type { BoundPort } from '@podroute/kernel/sockets.ts'
import { FakeChanges } from '@podroute/kernel/testing/fake-changes.ts'
import { FakeError } from '@podroute/kernel/testing/fake-error.ts'
import { FakeNft } from '@podroute/kernel/testing/fake-nft.ts'
import type { Flow, FlowFilter } from '@podroute/linux/conntrack.ts'
import type { ModuleOutcome } from '@podroute/linux/modules.ts'
import type { ProxyKernel } from '../proxy-kernel.ts'
import { TABLE } from '../rules/sets.ts'

interface FakeServer {
  server: VirtualServer
  readonly destinations: Map<string, Destination>
}

export class FakeKernel implements ProxyKernel {
  readonly table = new Map<string, FakeServer>()
  readonly routeTable = new Map<string, Route>()
  readonly settings = new Map<string, string>()
  readonly messages: string[] = []
  /** Connections of a destination, by `address:port`. */
  readonly connections = new Map<string, number>()
  readonly health = new Map<number, () => HttpAnswer>()
  readonly udpFlows: Flow[] = []
  interfaceAddresses: string[] = []
  readonly bound = new Set<BoundPort>()
  lists = 0
  hasIpvs = true
  /** Names of those that it does not have. */
  readonly missingSchedulers = new Set<string>()

  readonly ipvs = {
    servers: async () => {
      this.lists++
      if (!this.hasIpvs) throw new FakeError('FEATURE')
      return [...this.table.values()].map(({ server }) => server)
    },
    destinations: async (server: VirtualServer) => {
      this.lists++
      return this.#destinations(serverKey(server))
    },
    table: () => this.#ipvsTable(),
    serversRevision: async () => JSON.stringify([...this.table].map(([key, { server }]) => [key, server])),
    tableRevision: async () =>
      JSON.stringify(
        [...this.table].map(([key, { server, destinations }]) => [key, server, [...destinations]]),
      ),
    apply: async (ops: readonly IpvsOp[]) => ops.map((op) => this.#ipvs(op)),
  }

  readonly routes = {
    list: async () => {
      this.lists++
      return [...this.routeTable.values()]
    },
    apply: async (ops: readonly RouteOp[]) => ops.map((op) => this.#route(op)),
  }

  readonly nft = new FakeNft({
    onElement: (message) => this.messages.push(message),
    onList: () => this.lists++,
  })

  readonly sysctls = {
    read: (name: string) => this.settings.get(name) ?? '0',
    write: (name: string, value: string) => {
      this.messages.push(`${name}=${value}`)
      this.settings.set(name, value)
    },
  }

  readonly flows = {
    remove: async (filter: FlowFilter, select: (flow: Flow) => boolean) => {
      const { destination, destinationPort } = filter
      const doomed = this.udpFlows.filter(
        (flow) =>
          (destination ?? flow.original.destination) === flow.original.destination &&
          (destinationPort ?? flow.original.destinationPort) === flow.original.destinationPort &&
          select(flow),
      )
      this.messages.push(`look for flows to ${destination ?? 'anything'}`)
      for (const flow of doomed) this.udpFlows.splice(this.udpFlows.indexOf(flow), 1)
      return doomed.length
    },
  }

  async listen(port: number, answer: () => HttpAnswer): Promise<AsyncDisposable> {
    if (this.health.has(port)) throw new FakeError('EADDRINUSE')
    this.health.set(port, answer)
    return { [Symbol.asyncDispose]: async () => void this.health.delete(port) }
  }

  async boundPorts() {
    return this.bound
  }

  async reachableAddresses() {
    return this.interfaceAddresses
  }

  setAddresses(...addresses: string[]): void {
    this.interfaceAddresses = addresses
    this.changes.addressChanged()
  }

  async loadModules(names: readonly string[]) {
    const missing = { ok: false, reason: 'not for this kernel' } as const
    const outcome = (name: string): ModuleOutcome =>
      name === 'ip_vs' && !this.hasIpvs ? missing : { ok: true }
    return new Map(names.map((name) => [name, outcome(name)]))
  }

  readonly changes = new FakeChanges()

  /** Destinations that take connections, as `address:port`, sorted. */
  endpoints(key: string): string[] | undefined {
    const there = this.table.get(key)
    const open = [...(there?.destinations.values() ?? [])].filter(({ weight }) => weight > 0)
    return there && open.map(({ address, port }) => `${address}:${port}`).sort()
  }

  /** Those that take no new connections. */
  draining(key: string): string[] {
    const quiet = [...(this.table.get(key)?.destinations.values() ?? [])].filter(({ weight }) => weight === 0)
    return quiet.map(({ address, port }) => `${address}:${port}`).sort()
  }

  /** Elements by set of the proxy's table, in nft syntax. */
  get sets(): ReadonlyMap<string, Set<string>> {
    const sets = this.nft.tables.get(TABLE)?.sets ?? new Map()
    return new Map([...sets].map(([name, { elements }]) => [name, elements]))
  }

  get scripts(): string[] {
    return this.nft.scripts
  }

  elements(set: string): string[] {
    return [...(this.sets.get(set) ?? [])].sort()
  }

  removeRoute(destination: string): void {
    const route = this.routeTable.get(destination)
    this.routeTable.delete(destination)
    if (route) this.changes.routeChanged('remove', route)
  }

  async *#ipvsTable(): AsyncIterable<DestinationsByServer> {
    this.lists++
    for (const key of [...this.table.keys()]) yield new Map([[key, this.#destinations(key)]])
  }

  #destinations(key: string) {
    const there = this.table.get(key)?.destinations.values() ?? []
    return [...there].map((destination) => {
      const activeConnections = this.connections.get(`${destination.address}:${destination.port}`) ?? 0
      return { ...destination, activeConnections, inactiveConnections: 0 }
    })
  }

  #ipvs(op: IpvsOp): Error | null {
    const key = serverKey(op.server)
    const there = this.table.get(key)
    this.messages.push(`${op.kind} ${key}`)
    const chooses = op.kind === 'add-server' || op.kind === 'replace-server'
    if (chooses && this.missingSchedulers.has(op.server.scheduler)) return new FakeError('ENOENT')
    if (op.kind === 'add-server') {
      if (there) return new FakeError('EEXIST')
      this.table.set(key, { server: op.server, destinations: new Map() })
      return null
    }
    if (!there) return new FakeError('ESRCH')
    if (op.kind === 'replace-server') there.server = op.server
    else if (op.kind === 'remove-server') this.table.delete(key)
    else if ('destination' in op) return changeDestination(there, op)
    return null
  }

  #route({ kind, route }: RouteOp): Error | null {
    this.messages.push(`${kind}-route ${route.destination}`)
    const there = this.routeTable.has(route.destination)
    if (kind === 'add' && there) return new FakeError('EEXIST')
    if (kind === 'remove' && !there) return new FakeError('ESRCH')
    if (kind === 'remove') this.routeTable.delete(route.destination)
    else this.routeTable.set(route.destination, route)
    this.changes.routeChanged(kind === 'remove' ? 'remove' : 'add', route)
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
