/** Who changed which nftables table: the kernel announces every transaction to NFNLGRP_NFTABLES. */
import { NetlinkMonitor } from '../netlink/monitor.ts'
import { NETLINK_NETFILTER, type NetlinkOptions } from '../netlink/socket.ts'
import {
  type Message,
  NLA_TYPE_MASK,
  readAttributes,
  readText,
  readU8,
  readU16,
  readU32,
} from '../netlink/wire.ts'
import { NFGEN_HEADER, NFNL_SUBSYS_NFTABLES } from './header.ts'

const NFNLGRP_NFTABLES = 7
const NFT_MSG_NEWGEN = 15
const NFTA_GEN_PROC_PID = 2
const NFTA_GEN_PROC_NAME = 3
/** Attribute 1 is the name of the table in every object's message (NFTA_TABLE_NAME, NFTA_RULE_TABLE, NFTA_SET_TABLE, …). */
const NFTA_TABLE = 1
const FAMILIES = new Map([
  [1, 'inet'],
  [2, 'ip'],
  [3, 'arp'],
  [5, 'netdev'],
  [7, 'bridge'],
  [10, 'ip6'],
])

export type NftKind = 'table' | 'chain' | 'rule' | 'set' | 'element' | 'object' | 'flowtable'

/** NFT_MSG_… in order, from 0: each kind with what creates, gets and removes it. */
const KINDS = new Map<number, NftKind>([
  [0, 'table'],
  [2, 'table'],
  [3, 'chain'],
  [5, 'chain'],
  [6, 'rule'],
  [8, 'rule'],
  [9, 'set'],
  [11, 'set'],
  [12, 'element'],
  [14, 'element'],
  [18, 'object'],
  [20, 'object'],
  [22, 'flowtable'],
  [24, 'flowtable'],
])

export interface NftTransaction {
  /** `inet podroute`: the tables that it touched, each once. */
  readonly tables: readonly string[]
  /** What kinds of things it touched, each once. */
  readonly kinds: readonly NftKind[]
  /** Thread that committed it, as the initial pid namespace numbers it. */
  readonly pid: number
  /** Its name (comm). */
  readonly process: string
}

export interface NftMonitorOptions extends NetlinkOptions {
  /** `false`: elements of sets that come and go are not read, and not told of; there may be thousands. */
  readonly elements?: boolean
}

export interface NftHandlers {
  onTransaction(transaction: NftTransaction): void
  /** Announcements were lost: look at the tables anew. */
  onOverrun(): void
  onError?(error: Error): void
}

/** @throws KernelError */
export function watchNft(handlers: NftHandlers, options: NftMonitorOptions = {}): NetlinkMonitor {
  let tables = new Set<string>()
  let kinds = new Set<NftKind>()
  const onMessage = (message: Message) => {
    if (message.type >> 8 !== NFNL_SUBSYS_NFTABLES) return
    if ((message.type & 255) === NFT_MSG_NEWGEN) {
      const attributes = readAttributes(message.payload, NFGEN_HEADER)
      const pid = attributes.get(NFTA_GEN_PROC_PID)
      const name = attributes.get(NFTA_GEN_PROC_NAME)
      const transaction = {
        tables: [...tables],
        kinds: [...kinds],
        pid: pid ? networkU32(pid) : 0,
        process: name ? readText(name) : '',
      }
      tables = new Set()
      kinds = new Set()
      handlers.onTransaction(transaction)
      return
    }
    const kind = KINDS.get(message.type & 255)
    if (kind) kinds.add(kind)
    const family = FAMILIES.get(readU8(message.payload, 0))
    const table = tableIn(message.payload)
    if (table && family) tables.add(`${family} ${readText(table)}`)
  }
  const onOverrun = () => {
    tables = new Set()
    kinds = new Set()
    handlers.onOverrun()
  }
  const onError = handlers.onError && { onError: (error: Error) => handlers.onError?.(error) }
  return NetlinkMonitor.open(
    NETLINK_NETFILTER,
    [NFNLGRP_NFTABLES],
    { onMessage, onOverrun, ...onError },
    {
      ...options,
      ...(options.elements === false && { wants: (type: number) => KINDS.get(type & 255) !== 'element' }),
    },
  )
}

/** It comes first; a large transaction has a message for each of its rules, of which the rest need not be read. */
function tableIn(payload: Uint8Array): Uint8Array | undefined {
  const first = readU16(payload, NFGEN_HEADER)
  if ((readU16(payload, NFGEN_HEADER + 2) & NLA_TYPE_MASK) === NFTA_TABLE)
    return payload.subarray(NFGEN_HEADER + 4, NFGEN_HEADER + first)
  return readAttributes(payload, NFGEN_HEADER).get(NFTA_TABLE)
}

function networkU32(bytes: Uint8Array): number {
  const value = readU32(bytes, 0)
  return new DataView(new Uint32Array([value]).buffer).getUint32(0)
}
