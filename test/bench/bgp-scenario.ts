// What the BGP benchmark lets a device do, and the addresses and AS numbers that all of its parts agree on.

export const DEVICE_ADDRESS = '10.98.0.1'
export const DEVICE_ASN = 64512
export const PORT = 179

export type Scenario =
  /** Every peer announces one prefix and waits for those of all others; `atOnce`: how many connect at the same time. */
  | { readonly kind: 'mesh'; readonly peers: number; readonly atOnce: number }
  /** The first peer announces `routes` prefixes once all are connected; the others wait for all of them. */
  | { readonly kind: 'table'; readonly peers: number; readonly routes: number }

export interface Measured {
  readonly seconds: number
}

export function peerAddress(index: number): string {
  return `10.98.${128 + (index >> 8)}.${index & 255}`
}

export function peerAsn(index: number): number {
  return 4_200_000_001 + index
}
