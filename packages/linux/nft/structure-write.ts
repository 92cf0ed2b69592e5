/**
 * Sets, chains and rules of a table, written over netlink as one transaction: nft itself reads all that there is before it writes one rule,
 * and makes each of a text (some 30 ms for one chain beside 400 others, measured). Pure (include/uapi/linux/netfilter/nf_tables.h).
 */
import type { NetlinkRequest } from '../netlink/batch.ts'
import {
  createWriter,
  NLM_F_CREATE,
  putAttribute,
  putBytes,
  putNested,
  putTextAttribute,
  putU32beAttribute,
  type Writer,
  written,
} from '../netlink/wire.ts'
import {
  NFT_MSG_NEWSETELEM,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
} from './element-attributes.ts'
import {
  ANONYMOUS_NAME,
  type AnonymousElement,
  type AnonymousSet,
  type Expression,
  putExpression,
} from './expressions.ts'
import { NFNL_SUBSYS_NFTABLES, writeNfgenHeader } from './header.ts'
import { transactionOf } from './transaction.ts'

const MESSAGES = {
  NFT_MSG_NEWCHAIN: 3,
  NFT_MSG_DELCHAIN: 5,
  NFT_MSG_NEWRULE: 6,
  NFT_MSG_DELRULE: 8,
  NFT_MSG_NEWSET: 9,
  NFT_MSG_DELSET: 11,
} as const
const NLM_F_APPEND = 0x800
const NFTA_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NFTA_RULE_CHAIN = 2
const NFTA_RULE_EXPRESSIONS = 4
const NFTA_SET_NAME = 2
const NFTA_SET_FLAGS = 3
const NFTA_SET_KEY_TYPE = 4
const NFTA_SET_KEY_LEN = 5
const NFTA_SET_DESC = 9
const NFTA_SET_ID = 10
const NFTA_SET_USERDATA = 13
const NFTA_SET_DESC_SIZE = 1
const NFT_SET_ANONYMOUS_CONSTANT = 3
const NFT_SET_INTERVAL = 4
const NFTA_SET_ELEM_LIST_SET_ID = 4
const NFTA_SET_ELEM_USERDATA = 6
/** Of libnftnl, for those who list it: the keys' byte order, where a set has one field, is the network's (2). */
const KEYS_IN_NETWORK_ORDER = Uint8Array.of(0, 4, 2, 0, 0, 0)
const KEYS_OF_FIELDS = Uint8Array.of(0, 4, 0, 0, 0, 0)
/** The same: an interval without an end. */
const OPEN_INTERVAL = Uint8Array.of(1, 4, 1, 0, 0, 0)
const ELEMENTS_PER_MESSAGE = 500
/** With a peer and a port. */
const BYTES_OF_RULE = 512

export type StructureWrite =
  | { readonly kind: 'add-set'; readonly set: string; readonly keys: KeyType }
  | { readonly kind: 'delete-set'; readonly set: string }
  | { readonly kind: 'add-chain' | 'flush-chain' | 'delete-chain'; readonly chain: string }
  | { readonly kind: 'add-rule'; readonly chain: string; readonly rule: readonly Expression[] }

export interface KeyType {
  /** Number of nft's type; of several fields, six bits for each. */
  readonly type: number
  /** In bytes. */
  readonly length: number
  /** Of several fields. */
  readonly concatenated: boolean
}

/** Messages of one transaction. @param family NFPROTO_… of the table */
export function structureTransaction(
  family: number,
  table: string,
  writes: readonly StructureWrite[],
): readonly NetlinkRequest[] {
  const begin = (w: Writer) => {
    writeNfgenHeader(w, family)
    putTextAttribute(w, NFTA_TABLE, table)
  }
  let sets = 0
  return transactionOf(
    writes.flatMap((write) => {
      if (write.kind !== 'add-rule') return [partMessage(begin, write, write.kind === 'add-set' ? ++sets : 0)]
      const own = write.rule.flatMap((expression) => (expression.kind === 'one-of' ? [expression.set] : []))
      return ruleMessages(begin, write, new Map(own.map((set) => [set, ++sets])))
    }),
  )
}

type Part = Exclude<StructureWrite, { kind: 'add-rule' }>
type Begin = (w: Writer) => void

function partMessage(begin: Begin, part: Part, id: number): NetlinkRequest {
  switch (part.kind) {
    case 'add-set':
      return request('NFT_MSG_NEWSET', NLM_F_CREATE, (w) => {
        begin(w)
        putTextAttribute(w, NFTA_SET_NAME, part.set)
        putU32beAttribute(w, NFTA_SET_FLAGS, 0)
        putKeyType(w, part.keys, id)
        putAttribute(w, NFTA_SET_USERDATA, part.keys.concatenated ? KEYS_OF_FIELDS : KEYS_IN_NETWORK_ORDER)
      })
    case 'delete-set':
      return request('NFT_MSG_DELSET', 0, (w) => {
        begin(w)
        putTextAttribute(w, NFTA_SET_NAME, part.set)
      })
    case 'flush-chain':
      return request('NFT_MSG_DELRULE', 0, (w) => {
        begin(w)
        putTextAttribute(w, NFTA_RULE_CHAIN, part.chain)
      })
    case 'add-chain':
    case 'delete-chain': {
      const added = part.kind === 'add-chain'
      return request(added ? 'NFT_MSG_NEWCHAIN' : 'NFT_MSG_DELCHAIN', added ? NLM_F_CREATE : 0, (w) => {
        begin(w)
        putTextAttribute(w, NFTA_CHAIN_NAME, part.chain)
      })
    }
  }
}

/** The sets that it alone has come before it. */
function ruleMessages(
  begin: Begin,
  { chain, rule }: StructureWrite & { readonly kind: 'add-rule' },
  ids: ReadonlyMap<AnonymousSet, number>,
): readonly NetlinkRequest[] {
  const added = request('NFT_MSG_NEWRULE', NLM_F_CREATE | NLM_F_APPEND, (w) => {
    begin(w)
    putTextAttribute(w, NFTA_RULE_CHAIN, chain)
    if (ids.size === 0) putBytes(w, bytesOf(rule))
    else putRule(w, rule, ids)
  })
  return [...[...ids].flatMap(([set, id]) => anonymousSet(begin, set, id)), added]
}

/** Of rules that several chains have: the same object. */
const known = new WeakMap<readonly Expression[], Uint8Array>()

function bytesOf(rule: readonly Expression[]): Uint8Array {
  const found = known.get(rule)
  if (found) return found
  const w = createWriter(BYTES_OF_RULE)
  putRule(w, rule, new Map())
  const bytes = written(w)
  known.set(rule, bytes)
  return bytes
}

function putRule(w: Writer, rule: readonly Expression[], ids: ReadonlyMap<AnonymousSet, number>): void {
  putNested(w, NFTA_RULE_EXPRESSIONS, () => {
    for (const expression of rule) putExpression(w, expression, (set) => ids.get(set)!)
  })
}

function anonymousSet(begin: Begin, set: AnonymousSet, id: number): readonly NetlinkRequest[] {
  const { interval, elements, type, length } = set
  const messages = [
    request('NFT_MSG_NEWSET', NLM_F_CREATE, (w) => {
      begin(w)
      putTextAttribute(w, NFTA_SET_NAME, ANONYMOUS_NAME)
      putU32beAttribute(w, NFTA_SET_FLAGS, NFT_SET_ANONYMOUS_CONSTANT | (interval ? NFT_SET_INTERVAL : 0))
      putKeyType(w, { type, length, concatenated: false }, id)
      putNested(w, NFTA_SET_DESC, () => putU32beAttribute(w, NFTA_SET_DESC_SIZE, elements.length))
      putAttribute(w, NFTA_SET_USERDATA, KEYS_IN_NETWORK_ORDER)
    }),
  ]
  for (let at = 0; at < elements.length; at += ELEMENTS_PER_MESSAGE)
    messages.push(elementsMessage(begin, id, elements.slice(at, at + ELEMENTS_PER_MESSAGE)))
  return messages
}

function elementsMessage(begin: Begin, id: number, elements: readonly AnonymousElement[]): NetlinkRequest {
  return {
    ...{ call: 'NFT_MSG_NEWSETELEM', type: NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE },
    body(w) {
      begin(w)
      putTextAttribute(w, NFTA_SET_ELEM_LIST_SET, ANONYMOUS_NAME)
      putU32beAttribute(w, NFTA_SET_ELEM_LIST_SET_ID, id)
      putNested(w, NFTA_SET_ELEM_LIST_ELEMENTS, () => {
        for (const element of elements) putNested(w, NFTA_LIST_ELEM, () => putElement(w, element))
      })
    },
  }
}

function putElement(w: Writer, { key, endsInterval, open }: AnonymousElement): void {
  if (endsInterval) putU32beAttribute(w, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END)
  putNested(w, NFTA_SET_ELEM_KEY, () => putAttribute(w, NFTA_DATA_VALUE, key))
  if (open) putAttribute(w, NFTA_SET_ELEM_USERDATA, OPEN_INTERVAL)
}

function putKeyType(w: Writer, { type, length }: KeyType, id: number): void {
  putU32beAttribute(w, NFTA_SET_KEY_TYPE, type)
  putU32beAttribute(w, NFTA_SET_KEY_LEN, length)
  putU32beAttribute(w, NFTA_SET_ID, id)
}

function request(call: keyof typeof MESSAGES, flags: number, body: (w: Writer) => void): NetlinkRequest {
  return { call, type: (NFNL_SUBSYS_NFTABLES << 8) | MESSAGES[call], flags, body }
}
