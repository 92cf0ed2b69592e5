// Expressions of nftables rules as netlink attributes (linux/netfilter/nf_tables.h).

import { type Address, isV4, type Prefix } from '../protocol/address.ts'
import { attribute, type Bytes, be16, be32, bytes, bytesOf, cString, group } from './wire.ts'

/** One expression: its name and attributes. */
export type Expression = Bytes

const NFTA_LIST_ELEM = 1
const NFTA_EXPR_NAME = 1
const NFTA_EXPR_DATA = 2
const NFTA_DATA_VALUE = 1
const NFTA_DATA_VERDICT = 2

/** Registers: 0 is the verdict, the others hold 16 bytes each. */
const VERDICT = 0
const FIRST = 1
const SECOND = 2

function expression(name: string, ...data: Bytes[]): Expression {
  return group(NFTA_LIST_ELEM, attribute(NFTA_EXPR_NAME, cString(name)), group(NFTA_EXPR_DATA, ...data))
}

const number = (type: number, value: number) => attribute(type, be32(value))
const value = (type: number, data: Bytes) => group(type, attribute(NFTA_DATA_VALUE, data))

const compare = (data: Bytes, different = false) =>
  expression('cmp', number(1, FIRST), number(2, different ? 1 : 0), value(3, data))

const IFNAMSIZ = 16
const META_IIFNAME = 6
const META_NFPROTO = 15
const META_L4PROTO = 16

const meta = (key: number) => expression('meta', number(1, FIRST), number(2, key))

const LINK_HEADER = 0
const NETWORK_HEADER = 1
const TRANSPORT_HEADER = 2

const payload = (base: number, offset: number, length: number) =>
  expression('payload', number(1, FIRST), number(2, base), number(3, offset), number(4, length))

/** In tables of family inet: only packets of that family go on. */
export const matchFamily = (address: Address): Expression[] => [
  meta(META_NFPROTO),
  compare(bytes(isV4(address) ? 2 : 10)),
]

const offsetOf = (side: 'source' | 'destination', v4: boolean) =>
  v4 ? (side === 'source' ? 12 : 16) : side === 'source' ? 8 : 24

export function matchAddress(side: 'source' | 'destination', address: Address): Expression[] {
  const offset = offsetOf(side, isV4(address))
  return [payload(NETWORK_HEADER, offset, address.length), compare(bytesOf(address))]
}

/** Whether the address is in the prefix, or (`different`) outside; host bits must be zero. */
export function matchPrefix(side: 'source' | 'destination', prefix: Prefix, different = false): Expression[] {
  const { address, length } = prefix
  const offset = offsetOf(side, isV4(address))
  const whole = length >> 3
  if (length % 8 === 0)
    return [payload(NETWORK_HEADER, offset, whole), compare(bytesOf(address.subarray(0, whole)), different)]
  const mask = address.map((_, i) => (0xff00 >> Math.max(0, Math.min(8, length - i * 8))) & 255)
  return [
    payload(NETWORK_HEADER, offset, address.length),
    expression(
      'bitwise',
      number(1, FIRST),
      number(2, FIRST),
      number(3, address.length),
      value(4, bytesOf(mask)),
      value(5, bytesOf(new Uint8Array(mask.length))),
    ),
    compare(bytesOf(address), different),
  ]
}

export function matchDestinationPort(protocol: number, port: number): Expression[] {
  return [meta(META_L4PROTO), compare(bytes(protocol)), payload(TRANSPORT_HEADER, 2, 2), compare(be16(port))]
}

const CT_STATUS = 2
const CT_PROTO_DST = 12
const CT_DST_IP = 20
const CT_DST_IP6 = 22
const ORIGINAL = 0
/** IPS_DST_NAT, in the machine's byte order, which is little-endian wherever the plugins run. */
const TRANSLATED = bytes(0x20, 0, 0, 0)

const tracked = (key: number, ...direction: Bytes[]) =>
  expression('ct', number(1, FIRST), number(2, key), ...direction)
const original = (key: number) => tracked(key, attribute(3, bytes(ORIGINAL)))

/** Its connection has another destination than its first packet asked for. */
export const matchTranslated = (): Expression[] => [
  tracked(CT_STATUS),
  expression(
    'bitwise',
    number(1, FIRST),
    number(2, FIRST),
    number(3, TRANSLATED.length),
    value(4, TRANSLATED),
    value(5, bytes(0, 0, 0, 0)),
  ),
  compare(bytes(0, 0, 0, 0), true),
]

/** The port, and the address if there is one, that the connection's first packet asked for. */
export const matchOriginal = (protocol: number, port: number, address?: Address): Expression[] => [
  meta(META_L4PROTO),
  compare(bytes(protocol)),
  original(CT_PROTO_DST),
  compare(be16(port)),
  ...(address === undefined
    ? []
    : [original(isV4(address) ? CT_DST_IP : CT_DST_IP6), compare(bytesOf(address))]),
]

const RTN_LOCAL = 2
const FIB_RESULT_ADDRTYPE = 3
const FIB_DESTINATION = 2

/** The destination is an address of this host. */
export const matchLocalDestination = (): Expression[] => [
  expression('fib', number(1, FIRST), number(2, FIB_RESULT_ADDRTYPE), number(3, FIB_DESTINATION)),
  compare(bytes(RTN_LOCAL, 0, 0, 0)),
]

/** The interface that the packet came in by. */
export const matchInput = (name: string): Expression[] => [
  meta(META_IIFNAME),
  compare(name.padEnd(IFNAMSIZ, '\0')),
]

export const matchSourceMac = (mac: Uint8Array): Expression[] => [
  payload(LINK_HEADER, 6, 6),
  compare(bytesOf(mac)),
]

function verdict(code: number, chain?: string): Expression[] {
  const target = chain === undefined ? '' : attribute(2, cString(chain))
  const data = group(2, group(NFTA_DATA_VERDICT, number(1, code), target))
  return [expression('immediate', number(1, VERDICT), data)]
}

export const drop = () => verdict(0)
export const returns = () => verdict(-5)
export const jump = (chain: string) => verdict(-3, chain)
export const goto = (chain: string) => verdict(-4, chain)

export const masquerade = (): Expression[] => [expression('masq')]

const immediate = (register: number, data: Bytes) =>
  expression('immediate', number(1, register), value(2, data))

const NAT_DESTINATION = 1
const PORT_SPECIFIED = 2

export function translateTo(address: Address, port: number): Expression[] {
  return [
    immediate(FIRST, bytesOf(address)),
    immediate(SECOND, be16(port)),
    expression(
      'nat',
      number(1, NAT_DESTINATION),
      number(2, isV4(address) ? 2 : 10),
      number(3, FIRST),
      number(5, SECOND),
      number(7, PORT_SPECIFIED),
    ),
  ]
}
