/**
 * What rules are made of, as the kernel reads it: each loads something of a packet into a register, or compares a register, or decides
 * (include/uapi/linux/netfilter/nf_tables.h). Only what rules of policies need. Pure.
 */
import { putAttribute, putNested, putTextAttribute, putU32beAttribute, type Writer } from '../netlink/wire.ts'
import { NFTA_DATA_VALUE } from './element-attributes.ts'
import { putVerdict, type Verdict } from './verdict.ts'

export type Expression =
  | {
      readonly kind: 'payload'
      readonly header: 'network' | 'transport'
      readonly offset: number
      readonly length: number
      readonly register: number
    }
  | { readonly kind: 'meta'; readonly key: 'nfproto' | 'l4proto'; readonly register: number }
  | { readonly kind: 'compare'; readonly is: '==' | '>=' | '<='; readonly value: Uint8Array }
  /** Keeps the bits of a mask. */
  | { readonly kind: 'mask'; readonly mask: Uint8Array }
  /** In a set by its name. */
  | { readonly kind: 'lookup'; readonly set: string }
  | { readonly kind: 'one-of'; readonly set: AnonymousSet }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }

/** A set that one rule alone has. */
export interface AnonymousSet {
  /** Number of nft's type of its keys. */
  readonly type: number
  /** Of a key, in bytes. */
  readonly length: number
  readonly interval: boolean
  /** In their order. */
  readonly elements: readonly AnonymousElement[]
}

export interface AnonymousElement {
  readonly key: Uint8Array
  /** In sets of intervals: the key is the first one after an interval. */
  readonly endsInterval?: boolean
  /** No key comes behind it. */
  readonly open?: boolean
}

/** Of 16 bytes; what a concatenation begins in. */
export const FIRST_REGISTER = 1
/** The first of those of four bytes, which are the same ones in quarters. */
const FIRST_QUARTER = 8

/** What nft calls a set without a name; the kernel puts a number in. */
export const ANONYMOUS_NAME = '__set%d'

const NFTA_EXPR_NAME = 1
const NFTA_EXPR_DATA = 2
const NFTA_LIST_ELEM = 1
const HEADERS = { network: 1, transport: 2 } as const
const META_KEYS = { nfproto: 15, l4proto: 16 } as const
const OPERATORS = { '==': 0, '<=': 3, '>=': 5 } as const

/** The register for a field that begins at so many bytes of a concatenation. */
export function registerAt(offset: number): number {
  return offset % 16 === 0 ? FIRST_REGISTER + offset / 16 : FIRST_QUARTER + offset / 4
}

/** @param setId number of an anonymous set within its transaction */
export function putExpression(w: Writer, expression: Expression, setId: (set: AnonymousSet) => number): void {
  switch (expression.kind) {
    case 'payload': {
      const { register, header, offset, length } = expression
      put(w, 'payload', [register, HEADERS[header], offset, length])
      break
    }
    case 'meta':
      put(w, 'meta', [expression.register, META_KEYS[expression.key]])
      break
    case 'compare':
      put(w, 'cmp', [FIRST_REGISTER, OPERATORS[expression.is]], () => putData(w, 3, expression.value))
      break
    case 'mask':
      putMask(w, expression.mask)
      break
    case 'lookup':
      putLookup(w, expression.set)
      break
    case 'one-of':
      putLookup(w, ANONYMOUS_NAME, setId(expression.set))
      break
    case 'verdict':
      put(w, 'immediate', [0], () => putNested(w, 2, () => putVerdict(w, expression.verdict)))
  }
}

/** Most expressions have numbers as their first attributes, counted from 1. */
function put(w: Writer, name: string, numbers: readonly number[], more: () => void = () => {}): void {
  putNested(w, NFTA_LIST_ELEM, () => {
    putTextAttribute(w, NFTA_EXPR_NAME, name)
    putNested(w, NFTA_EXPR_DATA, () => {
      for (const [index, number] of numbers.entries()) putU32beAttribute(w, index + 1, number)
      more()
    })
  })
}

/** NFTA_BITWISE_SREG, DREG, LEN, MASK, XOR. */
function putMask(w: Writer, mask: Uint8Array): void {
  put(w, 'bitwise', [FIRST_REGISTER, FIRST_REGISTER, mask.length], () => {
    putData(w, 4, mask)
    putData(w, 5, new Uint8Array(mask.length))
  })
}

/** NFTA_LOOKUP_SET, SREG, SET_ID. */
function putLookup(w: Writer, set: string, id?: number): void {
  put(w, 'lookup', [], () => {
    putTextAttribute(w, 1, set)
    putU32beAttribute(w, 2, FIRST_REGISTER)
    if (id !== undefined) putU32beAttribute(w, 4, id)
  })
}

function putData(w: Writer, type: number, value: Uint8Array): void {
  putNested(w, type, () => putAttribute(w, NFTA_DATA_VALUE, value))
}
