/** Next hop objects of the kernel: list them, and change them in batches. */
import type { KernelError } from '../errors.ts'
import type { NetlinkRequest, NetlinkSocket } from '../netlink/socket.ts'
import { NLM_F_CREATE, NLM_F_REPLACE } from '../netlink/wire.ts'
import {
  type NextHopObject,
  readNextHop,
  writeNextHop,
  writeNextHopId,
  writeNextHopQuery,
} from './next-hop-message.ts'
import { RTM_DELNEXTHOP, RTM_GETNEXTHOP, RTM_NEWNEXTHOP } from './rtnetlink.ts'

export type { NextHopGroup, NextHopObject, SingleNextHop } from './next-hop-message.ts'

/** `put` makes it, or changes the one with its ID in place. With one that is removed the routes go that name it. */
export type NextHopOp =
  | { readonly kind: 'put'; readonly object: NextHopObject }
  | { readonly kind: 'remove'; readonly id: number }

export class NextHopObjects {
  readonly #socket: NetlinkSocket

  /** @param socket of NETLINK_ROUTE */
  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError (EOPNOTSUPP before Linux 5.3) */
  list(): Promise<NextHopObject[]> {
    const request = { call: 'RTM_GETNEXTHOP', type: RTM_GETNEXTHOP, flags: 0, body: writeNextHopQuery }
    return this.#socket.collect(request, (m) => (m.type === RTM_NEWNEXTHOP ? readNextHop(m) : undefined))
  }

  /** One outcome for each operation, in order; null for success. */
  apply(ops: readonly NextHopOp[]): Promise<(KernelError | null)[]> {
    return this.#socket.batch(ops.map(request))
  }
}

function request(op: NextHopOp): NetlinkRequest {
  if (op.kind === 'remove')
    return { call: 'RTM_DELNEXTHOP', type: RTM_DELNEXTHOP, flags: 0, body: (w) => writeNextHopId(w, op.id) }
  return {
    call: 'RTM_NEWNEXTHOP',
    type: RTM_NEWNEXTHOP,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: (w) => writeNextHop(w, op.object),
  }
}
