/** Neighbours (ARP and NDP entries): list, set and remove; struct ndmsg of include/uapi/linux/neighbour.h. */
import { parseAddress } from '@podroute/address/address.ts'
import type { KernelError } from '../errors.ts'
import { readIp } from '../netlink/ip.ts'
import type { NetlinkRequest, NetlinkSocket } from '../netlink/socket.ts'
import {
  type Message,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  putAttribute,
  readAttributes,
  readU8,
  readU16,
  readU32,
  reserve,
  type Writer,
} from '../netlink/wire.ts'
import { formatMac, parseMac } from './link-message.ts'
import { addressFamily, ipFamily, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH } from './rtnetlink.ts'

const NDA_DST = 1
const NDA_LLADDR = 2
const NDMSG_LENGTH = 12

const STATES = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const

export type NeighbourState = keyof typeof STATES

export interface Neighbour {
  readonly interfaceIndex: number
  readonly family: 4 | 6
  readonly address: string
  /** `` while it is not resolved. */
  readonly mac: string
  readonly state: NeighbourState
}

export type NeighbourOp = { readonly kind: 'replace' | 'remove'; readonly neighbour: Neighbour }

export class Neighbours {
  readonly #socket: NetlinkSocket

  /** @param socket of NETLINK_ROUTE */
  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError */
  list(): Promise<Neighbour[]> {
    const body = (w: Writer) => void reserve(w, NDMSG_LENGTH)
    return this.#socket.collect({ call: 'RTM_GETNEIGH', type: RTM_GETNEIGH, flags: 0, body }, readNeighbour)
  }

  /** One outcome for each operation, in order; ENOENT for one to remove that is not there. */
  apply(ops: readonly NeighbourOp[]): Promise<(KernelError | null)[]> {
    return this.#socket.batch(ops.map(request))
  }
}

function request(op: NeighbourOp): NetlinkRequest {
  const remove = op.kind === 'remove'
  return {
    call: remove ? 'RTM_DELNEIGH' : 'RTM_NEWNEIGH',
    type: remove ? RTM_DELNEIGH : RTM_NEWNEIGH,
    flags: remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE,
    body: (w) => writeNeighbour(w, op.neighbour),
  }
}

function writeNeighbour(w: Writer, neighbour: Neighbour): void {
  const at = reserve(w, NDMSG_LENGTH)
  w.bytes[at] = addressFamily(neighbour.family)
  w.view.setInt32(at + 4, neighbour.interfaceIndex, true)
  w.view.setUint16(at + 8, STATES[neighbour.state], true)
  putAttribute(w, NDA_DST, parseAddress(neighbour.address))
  if (neighbour.mac) putAttribute(w, NDA_LLADDR, parseMac(neighbour.mac))
}

function readNeighbour(message: Message): Neighbour | undefined {
  const { payload } = message
  const family = ipFamily(readU8(payload, 0))
  const attributes = readAttributes(payload, NDMSG_LENGTH)
  const address = attributes.get(NDA_DST)
  const bits = readU16(payload, 8)
  const state = (Object.keys(STATES) as NeighbourState[]).find((name) => STATES[name] & bits)
  if (message.type !== RTM_NEWNEIGH || !family || !address || !state) return undefined
  return {
    interfaceIndex: readU32(payload, 4),
    family,
    address: readIp(address),
    mac: formatMac(attributes.get(NDA_LLADDR) ?? new Uint8Array(0)),
    state,
  }
}
