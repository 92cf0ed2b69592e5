/**
 * Elements of nftables sets and maps as the kernel keeps them, read and written over netlink: nft itself reads all that there is for every
 * listing, and makes a tree of objects of each element (include/uapi/linux/netfilter/nf_tables.h).
 */
import { NETLINK_NETFILTER, type NetlinkOptions, NetlinkSocket } from '../netlink/socket.ts'
import {
  eachAttribute,
  type Message,
  putTextAttribute,
  readAttributes,
  readText,
  readU8,
  type Writer,
} from '../netlink/wire.ts'
import {
  NFT_MSG_NEWSETELEM,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_VERDICT_CHAIN,
} from './element-attributes.ts'
import { type ElementsWrite, elementTransaction } from './element-write.ts'
import { NFGEN_HEADER, NFNL_SUBSYS_NFTABLES, writeNfgenHeader } from './header.ts'

const NFT_MSG_GETSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 13
const NFTA_SET_ELEM_EXPR = 7
const NFTA_SET_ELEM_KEY_END = 10
const NFTA_EXPR_NAME = 1
const NFTA_EXPR_DATA = 2
const NFTA_COUNTER_PACKETS = 2

export const NFPROTO_INET = 1
export const NFPROTO_BRIDGE = 7

/** Bytes are views of what was received: read them at once. Fields of a concatenation begin at multiples of four bytes. */
export interface NftElement {
  readonly key: Uint8Array
  /** Last key of a range, in sets of concatenations with intervals. */
  readonly keyEnd: Uint8Array | undefined
  /** In other sets of intervals: the key is the first one after an interval. */
  readonly endsInterval: boolean
  /** Value of a map's element. */
  readonly data: Uint8Array | undefined
  /** The chain that the value of a verdict map jumps or goes to. */
  readonly chain: string | undefined
  /** Of one that counts. */
  readonly packets: number | undefined
}

export interface NftSet {
  /** NFPROTO_… of its table. */
  readonly family: number
  readonly table: string
  readonly set: string
}

/** Of one network namespace. */
export class NftElements implements Disposable {
  readonly #socket: NetlinkSocket

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError */
  static open(options: NetlinkOptions = {}): NftElements {
    return new NftElements(NetlinkSocket.open(NETLINK_NETFILTER, options))
  }

  /**
   * What `read` makes of each element, in the kernel's order, which is none.
   * @throws KernelError ENOENT without such a table or set
   */
  async list<T>(set: NftSet, read: (element: NftElement) => T): Promise<T[]> {
    const body = (w: Writer) => writeList(w, set)
    const request = { call: 'NFT_MSG_GETSETELEM', type: NFT_MSG_GETSETELEM, flags: 0, body }
    const parts = await this.#socket.collect(request, (message) => readElements(message, read))
    return parts.flat()
  }

  /** One transaction: all of it or, when it throws, nothing. @throws KernelError ENOENT without such an element, set or chain; EEXIST where it has another value */
  write({ family, table }: Omit<NftSet, 'set'>, writes: readonly ElementsWrite[]): Promise<void> {
    return this.#socket.transaction(elementTransaction(family, table, writes))
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

function writeList(w: Writer, { family, table, set }: NftSet): void {
  writeNfgenHeader(w, family)
  putTextAttribute(w, NFTA_SET_ELEM_LIST_TABLE, table)
  putTextAttribute(w, NFTA_SET_ELEM_LIST_SET, set)
}

/** The elements of one message; pure. @throws WireError */
function readElements<T>(message: Message, read: (element: NftElement) => T): T[] {
  const found: T[] = []
  if (message.type !== NFT_MSG_NEWSETELEM) return found
  eachAttribute(message.payload, NFGEN_HEADER, (type, list) => {
    if (type !== NFTA_SET_ELEM_LIST_ELEMENTS) return
    eachAttribute(list, 0, (kind, bytes) => {
      const element = kind === NFTA_LIST_ELEM ? readElement(bytes) : undefined
      if (element) found.push(read(element))
    })
  })
  return found
}

/** Undefined for the catch-all element, which has no key. */
function readElement(bytes: Uint8Array): NftElement | undefined {
  let key: Uint8Array | undefined
  let keyEnd: Uint8Array | undefined
  let data: Uint8Array | undefined
  let chain: string | undefined
  let packets: number | undefined
  let flags = 0
  eachAttribute(bytes, 0, (type, value) => {
    if (type === NFTA_SET_ELEM_KEY) key = readData(value, NFTA_DATA_VALUE)
    else if (type === NFTA_SET_ELEM_KEY_END) keyEnd = readData(value, NFTA_DATA_VALUE)
    // The kernel's numbers are in network byte order here: the last of four bytes is the lowest.
    else if (type === NFTA_SET_ELEM_FLAGS) flags = readU8(value, 3)
    else if (type === NFTA_SET_ELEM_EXPR) packets = packetsOf(value)
    else if (type === NFTA_SET_ELEM_DATA) {
      data = readData(value, NFTA_DATA_VALUE)
      const verdict = readData(value, NFTA_DATA_VERDICT)
      const name = verdict && readData(verdict, NFTA_VERDICT_CHAIN)
      chain = name && readText(name)
    }
  })
  const endsInterval = (flags & NFT_SET_ELEM_INTERVAL_END) !== 0
  return key && { key, keyEnd, endsInterval, data, chain, packets }
}

function readData(bytes: Uint8Array, wanted: number): Uint8Array | undefined {
  let found: Uint8Array | undefined
  eachAttribute(bytes, 0, (type, value) => {
    if (type === wanted) found = value
  })
  return found
}

/** Undefined for another expression than a counter. */
function packetsOf(expression: Uint8Array): number | undefined {
  const attributes = readAttributes(expression)
  if (readText(attributes.get(NFTA_EXPR_NAME) ?? new Uint8Array()) !== 'counter') return undefined
  const packets = readAttributes(attributes.get(NFTA_EXPR_DATA) ?? new Uint8Array()).get(NFTA_COUNTER_PACKETS)
  return packets && Number(new DataView(packets.buffer, packets.byteOffset, 8).getBigUint64(0))
}
