// What the BGP benchmark lets a device do, and the addresses and AS numbers that all of its parts agree on.

export const DEVICE_ADDRESS = '10.98.0.1'
export const DEVICE_ASN = 64512
export const PORT = 179

export type Scenario =
  /** Every peer announces one prefix and waits for those of all others; `atOnce`: how many connect at the same time. */
  | { readonly kind: 'mesh'; readonly peers: number; readonly atOnce: number }
  /** The first peer announces `routes` prefixes once all are connected; the others wait for all of them. */
  | { readonly kind: 'table'; readonly peers: number; readonly routes: number }
  /** A mesh that has learned all does nothing but keep its sessions. */
  | { readonly kind: 'idle'; readonly peers: number; readonly seconds: number }
  /** The last `dropped` peers of a mesh go; the others wait until they have heard of all. */
  | { readonly kind: 'drop'; readonly peers: number; readonly dropped: number }

/** What the tester prints, a line of JSON each: the part that is looked at begins, and how long it took. */
export type FromTester = { readonly kind: 'begun' } | { readonly kind: 'measured'; readonly seconds: number }

export function peerAddress(index: number): string {
  return `10.98.${128 + (index >> 8)}.${index & 255}`
}

export function peerAsn(index: number): number {
  return 4_200_000_001 + index
}

/** What a peer of a mesh announces. */
export function meshPrefix(index: number): string {
  return `10.${128 + (index >> 8)}.${index & 255}.0/24`
}

/** Whose prefix it is whose address starts at `at`. */
export function meshIndex(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1]! - 128) << 8) | bytes[at + 2]!
}
