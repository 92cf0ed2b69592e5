/** A kernel in memory, as strict as the real one about what is there, that counts what it is asked. */
import type { Flow, FlowFilter } from '@podroute/linux/conntrack.ts'
import type {
  Destination,
  DestinationsByServer,
  HttpAnswer,
  IpvsOp,
  Kernel,
  KernelEvents,
  Route,
  RouteOp,
  VirtualServer,
} from '../kernel/kernel.ts'
import type { BoundPort } from '../kernel/sockets.ts'
import { destinationKey, serverKey } from '../plan/frontend.ts'
import { type SetName, setOf } from '../rules/sets.ts'

class FakeError extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

interface FakeServer {
  server: VirtualServer
  readonly destinations: Map<string, Destination>
}

export class FakeKernel implements Kernel {
  readonly table = new Map<string, FakeServer>()
  readonly routeTable = new Map<string, Route>()
  readonly settings = new Map<string, string>()
  /** Elements by set, in nft syntax. */
  readonly sets = new Map<string, Set<string>>()
  readonly scripts: string[] = []
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
  #news: KernelEvents | undefined
  #lastState = ''
  #transactions = 0
  #chains = new Map<string, string[]>()
  /** Seconds, of maps that have one. */
  #timeouts = new Map<string, number>()

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

  readonly nft = {
    run: async (script: string) => this.#script(script),
    elements: async (name: SetName, family: 4 | 6) => {
      this.lists++
      const set = this.sets.get(setOf(name, family))
      if (!set) throw new FakeError('ENOENT')
      return [...set]
    },
    listJson: async (command: string) => this.#list(command),
    show: async (_command: string) => this.#show(),
    generation: async () => this.#generation(),
  }

  readonly sysctl = {
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

  async addresses() {
    return this.interfaceAddresses
  }

  setAddresses(...addresses: string[]): void {
    this.interfaceAddresses = addresses
    this.#news?.onAddress()
  }

  async loadModules(names: readonly string[]) {
    const missing = { ok: false, reason: 'not for this kernel' }
    return new Map(names.map((name) => [name, name === 'ip_vs' && !this.hasIpvs ? missing : { ok: true }]))
  }

  watch(news: KernelEvents): Disposable {
    this.#news = news
    return { [Symbol.dispose]() {} }
  }

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

  elements(set: string): string[] {
    return [...(this.sets.get(set) ?? [])].sort()
  }

  removeRoute(destination: string): void {
    const route = this.routeTable.get(destination)
    this.routeTable.delete(destination)
    if (route) this.#news?.onRoute('remove', route)
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
    this.#news?.onRoute(kind === 'remove' ? 'remove' : 'add', route)
    return null
  }

  #script(script: string): void {
    this.scripts.push(script)
    for (const line of script.split('\n')) this.#command(line)
  }

  /** Also what a test changes by hand is a transaction. */
  #generation(): number {
    const state = JSON.stringify([[...this.#chains], [...this.sets].map(([name, set]) => [name, ...set])])
    if (state !== this.#lastState) this.#transactions++
    this.#lastState = state
    return this.#transactions
  }

  #command(line: string): void {
    const [, verb, what, name, rest] = /^(\w+) (\w+) inet podroute ?(\S*) ?(.*)$/.exec(line) ?? []
    if (what === 'element') this.#element(verb!, name!, rest!.slice(2, -2).split(', '))
    else if (what === 'set' || what === 'map') this.#set(verb!, name!, rest!)
    else if (what === 'chain' && verb === 'add') this.#chains.set(name!, this.#chains.get(name!) ?? [])
    else if (what === 'chain' && verb === 'flush') this.#chains.set(name!, [])
    else if (what === 'chain') this.#chains.delete(name!)
    else if (what === 'rule') this.#chains.get(name!)?.push(rest!)
  }

  #set(verb: string, name: string, declaration: string): void {
    const [, seconds] = /timeout (\d+)s;/.exec(declaration) ?? []
    if (verb === 'delete') {
      this.sets.delete(name)
      this.#timeouts.delete(name)
    } else {
      this.sets.set(name, this.sets.get(name) ?? new Set())
      if (seconds !== undefined) this.#timeouts.set(name, Number(seconds))
    }
  }

  #element(verb: string, set: string, elements: readonly string[]): void {
    const there = this.sets.get(set)
    if (!there) throw new FakeError('ENOENT')
    for (const element of elements) {
      this.messages.push(`${verb} ${set} ${element}`)
      const [key] = element.split(' : ')
      const other = [...there].some((known) => known !== element && known.startsWith(`${key} : `))
      if (verb === 'add' && other) throw new FakeError('EEXIST')
      if (verb === 'add') there.add(element)
      else there.delete(element)
    }
  }

  /** Of sets only those with a timeout say more than their name. */
  #show(): string {
    this.lists++
    if (this.#chains.size === 0) throw new FakeError('ENOENT')
    const block = (kind: string, name: string, lines: readonly string[]) =>
      `\t${kind} ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`
    const maps = [...this.#timeouts].map(([name, seconds]) => block('map', name, [`timeout ${seconds}s`]))
    return [...maps, ...[...this.#chains].map(([name, rules]) => block('chain', name, rules))].join('')
  }

  #list(command: string): unknown[] {
    this.lists++
    const [, what, , name] = command.split(' ').filter((word) => word !== 'podroute')
    if (what === 'chains') {
      return [...this.#chains.keys()].map((chain) => ({ chain: { name: chain, table: 'podroute' } }))
    }
    const rules = this.#chains.get(name!)
    if (!rules) throw new FakeError('ENOENT')
    return [{ chain: { name } }, ...rules.map((rule) => ({ rule }))]
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
