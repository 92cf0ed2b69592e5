/** Fields of keys and values of elements, as the kernel keeps them. Pure. */
import type { ElementField } from './definition.ts'

/** Protocols that nft writes by their names. */
export const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' }

/** In bytes. */
export const FIELD_LENGTHS: Readonly<Record<ElementField, number>> = {
  ipv4_addr: 4,
  ipv6_addr: 16,
  inet_proto: 1,
  inet_service: 2,
  mark: 4,
  iface_index: 4,
  ether_addr: 6,
  nd_target: 16,
}

/** Fields of a concatenation begin at multiples of four bytes. */
export function paddedLength(field: ElementField): number {
  return (FIELD_LENGTHS[field] + 3) & ~3
}

/** Of nft, for those who list a set: of fields that sets and rules of policies have. */
export const TYPE_NUMBERS: Readonly<Partial<Record<ElementField, number>>> = {
  ipv4_addr: 7,
  ipv6_addr: 8,
  inet_proto: 12,
  inet_service: 13,
}
