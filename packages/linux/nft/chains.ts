/**
 * Chains of all nftables tables, the comments of their rules, and whether there is a table, read over netlink
 * (include/uapi/linux/netfilter/nf_tables.h): to list the rules of others nft makes them into expressions of its own, and some that
 * iptables wrote break it.
 */
import { hasCode } from '../errors.ts'
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
import { NFGEN_HEADER, NFNL_SUBSYS_NFTABLES, writeNfgenHeader } from './header.ts'

const NFT_MSG_GETTABLE = (NFNL_SUBSYS_NFTABLES << 8) | 1
const NFTA_TABLE_NAME = 1
const NFT_MSG_NEWCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 3
const NFT_MSG_GETCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 4
const NFT_MSG_NEWRULE = (NFNL_SUBSYS_NFTABLES << 8) | 6
const NFT_MSG_GETRULE = (NFNL_SUBSYS_NFTABLES << 8) | 7
const NFTA_CHAIN_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NFTA_CHAIN_HOOK = 4
const NFTA_CHAIN_POLICY = 5
const NFTA_CHAIN_TYPE = 7
const NFTA_HOOK_HOOKNUM = 1
const NFTA_RULE_TABLE = 1
const NFTA_RULE_CHAIN = 2
const NFTA_RULE_HANDLE = 3
const NFTA_RULE_EXPRESSIONS = 4
const NFTA_RULE_USERDATA = 7
const NFTA_EXPR_NAME = 1
const NFTA_EXPR_DATA = 2
const NFTA_MATCH_NAME = 1
const NFTA_MATCH_INFO = 3
/** Of libnftnl: what nft writes as `comment "…"`. */
const UDATA_COMMENT = 0
const NF_DROP = 0

const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const
const FAMILIES = { inet: 1, ip: 2, ip6: 10 } as const

export type NftFamily = keyof typeof FAMILIES

/** Families of tables: those of chains that are read here, and the bridge's. */
const TABLE_FAMILIES: Readonly<Record<string, number>> = { ...FAMILIES, bridge: 7 }

/** A chain that the kernel itself leads packets to. */
export interface BaseChain {
  readonly family: NftFamily
  readonly table: string
  readonly name: string
  /** `filter`, `nat`, `route` */
  readonly type: string
  readonly hook: (typeof HOOKS)[number]
  readonly policy: 'accept' | 'drop'
}

/** A rule that says by a comment what it is for. */
export interface CommentedRule {
  readonly handle: bigint
  readonly comment: string
}

/** Of one network namespace. */
export class NftChains implements Disposable {
  readonly #socket: NetlinkSocket

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError */
  static open(options: NetlinkOptions = {}): NftChains {
    return new NftChains(NetlinkSocket.open(NETLINK_NETFILTER, options))
  }

  /** Whether the kernel has this table; undefined for a family that is not known here. @throws KernelError */
  async hasTable(family: string, name: string): Promise<boolean | undefined> {
    const number = TABLE_FAMILIES[family]
    if (number === undefined) return undefined
    const body = (w: Writer) => {
      writeNfgenHeader(w, number)
      putTextAttribute(w, NFTA_TABLE_NAME, name)
    }
    try {
      await this.#socket.exchange({ call: 'NFT_MSG_GETTABLE', type: NFT_MSG_GETTABLE, flags: 0, body })
      return true
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return false
      throw error
    }
  }

  /** Of the families inet, ip and ip6. @throws KernelError */
  async baseChains(): Promise<readonly BaseChain[]> {
    const body = (w: Writer) => writeNfgenHeader(w, 0)
    return this.#socket.collect(
      { call: 'NFT_MSG_GETCHAIN', type: NFT_MSG_GETCHAIN, flags: 0, body },
      readBaseChain,
    )
  }

  /** In their order; none where there is no such chain. @throws KernelError */
  async commentedRules(
    chain: Pick<BaseChain, 'family' | 'table' | 'name'>,
  ): Promise<readonly CommentedRule[]> {
    const body = (w: Writer) => {
      writeNfgenHeader(w, FAMILIES[chain.family])
      putTextAttribute(w, NFTA_RULE_TABLE, chain.table)
      putTextAttribute(w, NFTA_RULE_CHAIN, chain.name)
    }
    return this.#socket.collect(
      { call: 'NFT_MSG_GETRULE', type: NFT_MSG_GETRULE, flags: 0, body },
      readCommentedRule,
    )
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

/** Undefined for chains that rules lead to, and for those of other families. @throws WireError */
function readBaseChain({ type, payload }: Message): BaseChain | undefined {
  const family = (Object.keys(FAMILIES) as NftFamily[]).find((name) => FAMILIES[name] === readU8(payload, 0))
  if (type !== NFT_MSG_NEWCHAIN || !family) return undefined
  const attributes = readAttributes(payload, NFGEN_HEADER)
  const hookNumber = readAttributes(attributes.get(NFTA_CHAIN_HOOK) ?? new Uint8Array()).get(
    NFTA_HOOK_HOOKNUM,
  )
  const policy = attributes.get(NFTA_CHAIN_POLICY)
  const hook = hookNumber && HOOKS[networkU32(hookNumber)]
  if (!hook || !policy) return undefined
  return {
    family,
    table: textOf(attributes.get(NFTA_CHAIN_TABLE)),
    name: textOf(attributes.get(NFTA_CHAIN_NAME)),
    type: textOf(attributes.get(NFTA_CHAIN_TYPE)),
    hook,
    policy: networkU32(policy) === NF_DROP ? 'drop' : 'accept',
  }
}

/** Undefined for a rule without a comment. @throws WireError */
function readCommentedRule({ type, payload }: Message): CommentedRule | undefined {
  if (type !== NFT_MSG_NEWRULE) return undefined
  const attributes = readAttributes(payload, NFGEN_HEADER)
  const handle = attributes.get(NFTA_RULE_HANDLE)
  const comment =
    commentOfNft(attributes.get(NFTA_RULE_USERDATA) ?? new Uint8Array()) ??
    commentOfIptables(attributes.get(NFTA_RULE_EXPRESSIONS) ?? new Uint8Array())
  if (!handle || comment === undefined) return undefined
  return { handle: new DataView(handle.buffer, handle.byteOffset, 8).getBigUint64(0), comment }
}

/** Entries of a byte for the type, a byte for the length, and the value. */
function commentOfNft(bytes: Uint8Array): string | undefined {
  for (let at = 0; at + 2 <= bytes.length; at += 2 + readU8(bytes, at + 1))
    if (readU8(bytes, at) === UDATA_COMMENT)
      return readText(bytes.subarray(at + 2, at + 2 + readU8(bytes, at + 1)))
  return undefined
}

/** iptables-restore has it as a match, whose data is the text. */
function commentOfIptables(bytes: Uint8Array): string | undefined {
  let comment: string | undefined
  eachAttribute(bytes, 0, (_type, expression) => {
    const attributes = readAttributes(expression)
    if (textOf(attributes.get(NFTA_EXPR_NAME)) !== 'match') return
    const match = readAttributes(attributes.get(NFTA_EXPR_DATA) ?? new Uint8Array())
    if (textOf(match.get(NFTA_MATCH_NAME)) === 'comment') comment = textOf(match.get(NFTA_MATCH_INFO))
  })
  return comment
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes ? readText(bytes) : ''
}

function networkU32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
}
