/** Kernel routes: list, look up, and change them in batches. */
import { parseAddress } from '@podroute/address/address.ts'
import { hasCode, type KernelError } from '../errors.ts'
import type { NetlinkRequest, NetlinkSocket } from '../netlink/socket.ts'
import { type Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/wire.ts'
import {
  type Route,
  type RouteFilter,
  readRoute,
  writeRoute,
  writeRouteFilter,
  writeRouteLookup,
} from './route-message.ts'
import { RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE } from './rtnetlink.ts'

export type { Route, RouteFilter } from './route-message.ts'

/**
 * `add` is refused (EEXIST) where the destination is taken, whoever took it; `replace` takes over the route with the same table,
 * destination and priority, whoever put it there; `remove` goes by everything that the route says, protocol included (ESRCH).
 */
export type RouteOp = { readonly kind: 'add' | 'replace' | 'remove'; readonly route: Route }

/** In struct rtmsg. */
const PROTOCOL_AT = 5
const FLAGS = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE | NLM_F_REPLACE, remove: 0 }

export class Routes {
  readonly #socket: NetlinkSocket

  /** @param socket of NETLINK_ROUTE */
  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Routes that match; of both families when none is named. @throws KernelError */
  async list(filter: RouteFilter = {}): Promise<Route[]> {
    const families = filter.family ? [filter.family] : ([4, 6] as const)
    const lists = await Promise.all(families.map((family) => this.#listFamily(family, filter)))
    return lists.flat()
  }

  #listFamily(family: 4 | 6, filter: RouteFilter): Promise<Route[]> {
    const body: NetlinkRequest['body'] = (w) => writeRouteFilter(w, family, filter)
    const read = (message: Message) => {
      if (message.type !== RTM_NEWROUTE || message.payload[PROTOCOL_AT] === filter.notProtocol)
        return undefined
      const route = readRoute(message)
      return route && matches(route, filter) ? route : undefined
    }
    const request = { call: 'RTM_GETROUTE', type: RTM_GETROUTE, flags: 0, body }
    return this.#socket.collect(request, read).catch((error: unknown) => {
      // A table exists only once a route was put into it.
      if (hasCode(error, 'ENOENT')) return []
      throw error
    })
  }

  /** One outcome for each operation, in order; null for success, EINVAL also for an address that is none. */
  apply(ops: readonly RouteOp[]): Promise<(KernelError | null)[]> {
    return this.#socket.batch(ops.map(request))
  }

  /** The route that the kernel would take to `destination`, or undefined when there is none. @throws KernelError */
  async get(destination: string): Promise<Route | undefined> {
    const address = parseAddress(destination)
    const body: NetlinkRequest['body'] = (w) => writeRouteLookup(w, address)
    try {
      const replies = await this.#socket.exchange({
        call: 'RTM_GETROUTE',
        type: RTM_GETROUTE,
        flags: 0,
        body,
      })
      const reply = replies.find((message) => message.type === RTM_NEWROUTE)
      return reply && readRoute(reply)
    } catch (error) {
      if (hasCode(error, 'ENETUNREACH', 'EHOSTUNREACH')) return undefined
      throw error
    }
  }
}

function request(op: RouteOp): NetlinkRequest {
  const remove = op.kind === 'remove'
  return {
    call: remove ? 'RTM_DELROUTE' : 'RTM_NEWROUTE',
    type: remove ? RTM_DELROUTE : RTM_NEWROUTE,
    flags: FLAGS[op.kind],
    body: (w) => writeRoute(w, remove ? withoutNextHops(op.route) : op.route),
  }
}

/** With several next hops in it IPv6 would take each for a deletion of its own; without any the whole route goes at once. */
function withoutNextHops({ nextHops, ...route }: Route): Route {
  return route
}

function matches(route: Route, filter: RouteFilter): boolean {
  return (
    (filter.table === undefined || route.table === filter.table) &&
    (filter.protocol === undefined || route.protocol === filter.protocol)
  )
}
