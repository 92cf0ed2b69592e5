/** Connection tracking over ctnetlink: list flows by their destination and delete those that must not go on. */
import { parseAddress } from '@podroute/address/address.ts'
import { hasCode, type KernelError } from './errors.ts'
import { readIp } from './netlink/ip.ts'
import { NETLINK_NETFILTER, type NetlinkOptions, NetlinkSocket } from './netlink/socket.ts'
import {
  type Message,
  putAttribute,
  putBytes,
  putNested,
  putU8Attribute,
  putU16beAttribute,
  putU32Attribute,
  readAttributes,
  readU8,
  readU16be,
  reserve,
  type Writer,
} from './netlink/wire.ts'

// NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_…
const CT_NEW = 0x100
const CT_GET = 0x101
const CT_DELETE = 0x102
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_REPLY = 2
const CTA_ID = 12
const CTA_ZONE = 18
const CTA_FILTER = 25
const CTA_FILTER_ORIG_FLAGS = 1
const CTA_FILTER_REPLY_FLAGS = 2
const CTA_TUPLE_IP = 1
const CTA_IP_V4_DST = 2
const CTA_TUPLE_PROTO = 2
const CTA_PROTO_NUM = 1
const CTA_PROTO_SRC_PORT = 2
const CTA_PROTO_DST_PORT = 3
const FILTER_IP_DST = 1 << 1
const FILTER_PROTO_NUM = 1 << 3
const FILTER_DST_PORT = 1 << 5
/** struct nfgenmsg: family, version, resource id. */
const HEADER = 4

export type FlowProtocol = 'tcp' | 'udp' | 'sctp'

const PROTOCOLS: Readonly<Record<FlowProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 }

/** One direction of a flow. */
export interface Tuple {
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
}

export interface Flow {
  readonly family: 4 | 6
  readonly protocol: FlowProtocol
  readonly original: Tuple
  /** After DNAT its source is the endpoint that answers. */
  readonly reply: Tuple
  /** Opaque: what a deletion names, so that a flow that was replaced meanwhile stays. */
  readonly identity: { readonly original: Uint8Array; readonly id?: Uint8Array; readonly zone?: Uint8Array }
}

/** Flows by where the client sent them. */
export interface FlowFilter {
  readonly family: 4 | 6
  readonly protocol: FlowProtocol
  /** The VIP; absent with a port alone: a NodePort on any address. */
  readonly destination?: string
  readonly destinationPort?: number
}

/** Of one network namespace. */
export class Conntrack implements Disposable {
  readonly #socket: NetlinkSocket

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError */
  static open(options: NetlinkOptions = {}): Conntrack {
    return new Conntrack(NetlinkSocket.open(NETLINK_NETFILTER, options))
  }

  /** Flows that match. Since Linux 5.8 the kernel filters; an older one sends all, and they are filtered here. @throws KernelError */
  list(filter: FlowFilter): Promise<Flow[]> {
    const body = (w: Writer) => writeFilter(w, filter)
    return this.#socket.collect({ call: 'IPCTNL_MSG_CT_GET', type: CT_GET, flags: 0, body }, (message) => {
      const flow = message.type === CT_NEW ? readFlow(message) : undefined
      return flow && matches(flow, filter) ? flow : undefined
    })
  }

  /**
   * Deletes the flows that match and that `select` picks (say: whose reply source is no endpoint any more). Returns how many
   * went; one that ended by itself meanwhile is not counted.
   * @throws KernelError of the first deletion that the kernel refused
   */
  async remove(filter: FlowFilter, select: (flow: Flow) => boolean = () => true): Promise<number> {
    return this.forget((await this.list(filter)).filter(select))
  }

  /** Flows of both families that `wants` picks, by one walk through the table. @throws KernelError */
  select(wants: (flow: Flow) => boolean): Promise<Flow[]> {
    const body = (w: Writer) => void reserve(w, HEADER)
    return this.#socket.collect({ call: 'IPCTNL_MSG_CT_GET', type: CT_GET, flags: 0, body }, (message) => {
      const flow = message.type === CT_NEW ? readFlow(message) : undefined
      return flow && wants(flow) ? flow : undefined
    })
  }

  /** Deletes flows as they were listed, as `remove` does. */
  async forget(flows: readonly Flow[]): Promise<number> {
    const outcomes = await this.#socket.batch(
      flows.map((flow) => ({
        call: 'IPCTNL_MSG_CT_DELETE',
        type: CT_DELETE,
        flags: 0,
        body: (w) => writeIdentity(w, flow),
      })),
    )
    const refused = outcomes.find(
      (outcome): outcome is KernelError => outcome !== null && !hasCode(outcome, 'ENOENT'),
    )
    if (refused) throw refused
    return outcomes.filter((outcome) => outcome === null).length
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

function putHeader(w: Writer, family: 4 | 6): void {
  const at = reserve(w, HEADER)
  w.bytes[at] = family === 6 ? 10 : 2
}

function writeFilter(w: Writer, filter: FlowFilter): void {
  putHeader(w, filter.family)
  // Not for IPv6: ctnetlink_filter_match_tuple has the comparison the wrong way round there (seen in 6.18) and drops what matches.
  const ours = filter.family === 4 ? filter.destination : undefined
  const address = ours === undefined ? undefined : parseAddress(ours)
  const port = filter.destinationPort
  putNested(w, CTA_TUPLE_ORIG, () => {
    if (address) putNested(w, CTA_TUPLE_IP, () => putAttribute(w, CTA_IP_V4_DST, address))
    putNested(w, CTA_TUPLE_PROTO, () => {
      putU8Attribute(w, CTA_PROTO_NUM, PROTOCOLS[filter.protocol])
      if (port !== undefined) putU16beAttribute(w, CTA_PROTO_DST_PORT, port)
    })
  })
  putNested(w, CTA_FILTER, () => {
    const flags =
      FILTER_PROTO_NUM | (address ? FILTER_IP_DST : 0) | (port === undefined ? 0 : FILTER_DST_PORT)
    putU32Attribute(w, CTA_FILTER_ORIG_FLAGS, flags)
    putU32Attribute(w, CTA_FILTER_REPLY_FLAGS, 0)
  })
}

function writeIdentity(w: Writer, flow: Flow): void {
  putHeader(w, flow.family)
  putNested(w, CTA_TUPLE_ORIG, () => putBytes(w, flow.identity.original))
  if (flow.identity.id) putAttribute(w, CTA_ID, flow.identity.id)
  if (flow.identity.zone) putAttribute(w, CTA_ZONE, flow.identity.zone)
}

function readFlow(message: Message): Flow | undefined {
  const attributes = readAttributes(message.payload, HEADER)
  const original = attributes.get(CTA_TUPLE_ORIG)
  const reply = attributes.get(CTA_TUPLE_REPLY)
  if (!original || !reply) return undefined
  const number = protocolNumber(original)
  const protocol = (Object.keys(PROTOCOLS) as FlowProtocol[]).find((name) => PROTOCOLS[name] === number)
  if (!protocol) return undefined
  const id = attributes.get(CTA_ID)
  const zone = attributes.get(CTA_ZONE)
  return {
    family: readU8(message.payload, 0) === 10 ? 6 : 4,
    protocol,
    original: readTuple(original),
    reply: readTuple(reply),
    identity: { original, ...(id && { id }), ...(zone && { zone }) },
  }
}

function protocolNumber(tuple: Uint8Array): number | undefined {
  const protocol = readAttributes(tuple).get(CTA_TUPLE_PROTO)
  return protocol && readAttributes(protocol).get(CTA_PROTO_NUM)?.[0]
}

function readTuple(tuple: Uint8Array): Tuple {
  const attributes = readAttributes(tuple)
  const none = new Uint8Array(0)
  const ip = readAttributes(attributes.get(CTA_TUPLE_IP) ?? none)
  const protocol = readAttributes(attributes.get(CTA_TUPLE_PROTO) ?? none)
  const port = (type: number) => {
    const value = protocol.get(type)
    return value ? readU16be(value, 0) : 0
  }
  return {
    // CTA_IP_V4_SRC, V4_DST, V6_SRC, V6_DST: 1 to 4.
    source: readIp(ip.get(1) ?? ip.get(3) ?? none),
    sourcePort: port(CTA_PROTO_SRC_PORT),
    destination: readIp(ip.get(2) ?? ip.get(4) ?? none),
    destinationPort: port(CTA_PROTO_DST_PORT),
  }
}

function matches(flow: Flow, filter: FlowFilter): boolean {
  return (
    flow.protocol === filter.protocol &&
    (filter.destination === undefined || flow.original.destination === filter.destination) &&
    (filter.destinationPort === undefined || flow.original.destinationPort === filter.destinationPort)
  )
}
