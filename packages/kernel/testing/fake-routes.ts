/** Routes in memory, as strict as the real ones about what is there. */
import { cidr, containsAddress } from '@podroute/address/cidr.ts'
import type { RouteFilter } from '@podroute/linux/route/route-message.ts'
import type { Route, RouteOp, RoutesApi } from '../kernel.ts'
import { gatewaysOf } from '../routes/next-hops.ts'
import type { FakeChanges } from './fake-changes.ts'
import { FakeError } from './fake-error.ts'

export interface FakeRoutesOptions {
  /** Called with each operation: `add-route 10.96.0.1/32`. */
  onOp?(message: string): void
  /** Called at each listing. */
  onList?(): void
}

export class FakeRoutes implements RoutesApi {
  /** Gateways that no interface leads to. */
  readonly unreachable = new Set<string>()
  readonly #routes = new Map<string, Route>()
  readonly #changes: FakeChanges
  readonly #options: FakeRoutesOptions

  /** Tests put a call of their own in its place, and call this one from there. */
  apply = async (ops: readonly RouteOp[]): Promise<readonly (Error | null)[]> =>
    ops.map((op) => this.#change(op))

  /** @param changes announce each change, our own too */
  constructor(changes: FakeChanges, options: FakeRoutesOptions = {}) {
    this.#changes = changes
    this.#options = options
  }

  async list(filter: RouteFilter = {}): Promise<readonly Route[]> {
    this.#options.onList?.()
    return [...this.#routes.values()].filter((route) => matches(route, filter))
  }

  async get(address: string): Promise<Route | undefined> {
    const leading = [...this.#routes.values()].filter(({ destination }) =>
      containsAddress(cidr(destination), address),
    )
    return leading.sort((a, b) => cidr(b.destination).length - cidr(a.destination).length)[0]
  }

  /** Those of a table, by destination. */
  of(table: number): ReadonlyMap<string, Route> {
    const routes = [...this.#routes.values()].filter((route) => route.table === table)
    return new Map(routes.map((route) => [route.destination, route]))
  }

  /** Somebody else removes what there is to a destination of a table. */
  lose(table: number, destination: string): void {
    const route = this.of(table).get(destination)
    if (!route) return
    this.#routes.delete(keyOf(route))
    this.#changes.routeChanged('remove', route)
  }

  #change({ kind, route }: RouteOp): Error | null {
    this.#options.onOp?.(`${kind}-route ${route.destination}`)
    const key = keyOf(route)
    const there = this.#routes.get(key)
    if (kind === 'add' && there) return new FakeError('EEXIST')
    if (kind === 'remove' && there?.protocol !== route.protocol) return new FakeError('ESRCH')
    if (kind !== 'remove' && gatewaysOf(route).some((gateway) => this.unreachable.has(gateway)))
      return new FakeError('ENETUNREACH', 'RTM_NEWROUTE: ENETUNREACH')
    if (kind === 'remove') this.#routes.delete(key)
    else this.#routes.set(key, route)
    this.#changes.routeChanged(kind === 'remove' ? 'remove' : 'add', route)
    return null
  }
}

/** What the kernel holds once. */
function keyOf({ table, destination, priority }: Route): string {
  return `${table} ${destination} ${priority ?? ''}`
}

function matches(route: Route, { family, table, protocol, notProtocol }: RouteFilter): boolean {
  return (
    (family === undefined || route.family === family) &&
    (table === undefined || route.table === table) &&
    (protocol === undefined || route.protocol === protocol) &&
    route.protocol !== notProtocol
  )
}
