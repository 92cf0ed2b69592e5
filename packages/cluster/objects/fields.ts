/** Checks of single fields of API objects: a value that can be used, or undefined. */
import { canonicalAddress, type Family, familyOf } from '@podroute/address/address.ts'
import { canonicalCidr } from '@podroute/address/cidr.ts'
import type { Protocol } from './service.ts'

const PROTOCOLS: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' }

export function portOf(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
    ? (value as number)
    : undefined
}

/** What a table has under a name that somebody wrote: not `constructor`, which every object has, and nothing for what is no text. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: unknown): T | undefined {
  return typeof name === 'string' && Object.hasOwn(table, name) ? table[name] : undefined
}

/** The API's default is TCP. */
export function protocolOf(value: unknown): Protocol | undefined {
  return value === undefined ? 'tcp' : entryOf(PROTOCOLS, value)
}

/** Canonical text of an address; undefined for what is none, and for IPv4-mapped IPv6, which no packet carries. */
export function addressOf(value: unknown): string | undefined {
  return typeof value === 'string' ? canonicalAddress(value) : undefined
}

/** Canonical prefix, blanks around it forgiven. */
export function prefixOf(value: unknown): string | undefined {
  return typeof value === 'string' ? canonicalCidr(value.trim()) : undefined
}

/** A value of a tenant's as a problem shows it: such a text may be as long as its object. */
export function shown(value: unknown): string {
  return String(typeof value === 'string' ? value : JSON.stringify(value)).slice(0, LONGEST_SHOWN)
}

const LONGEST_SHOWN = 100

/** What is no boolean says nothing. */
export function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Without the room that an array which grew by `push` keeps for more: 16 elements. */
export function exact<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? NOTHING : list.slice()
}

const NOTHING: readonly never[] = []

export function listOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value.filter((entry) => entry !== null && entry !== undefined) : []
}

/** `namespace/name`, or undefined where either is missing. */
export function keyOf(metadata: { readonly namespace?: string; readonly name?: string } | undefined) {
  const namespace = textOf(metadata?.namespace)
  const name = textOf(metadata?.name)
  return namespace && name ? `${namespace}/${name}` : undefined
}

export function isFamily(address: string, family: Family): boolean {
  return familyOf(address) === family
}
