// What the BGP benchmark lets a device do, and the addresses and AS numbers that all of its parts agree on.

/** Of the sessions' addresses and of the routes. */
export type IpFamily = 'ipv4' | 'ipv6'

export const DEVICE_ASN = 64512
export const PORT = 179
export const ROUTER_ID = '10.98.0.1'

/** The link between the device and its peers; those have addresses behind a gateway, so that no neighbour table needs to hold them all. */
export const LINK = {
  ipv4: { device: '10.98.0.1', tester: '10.98.0.2', prefixLength: 16, peers: '10.98.128.0/17' },
  ipv6: { device: 'fd98::1', tester: 'fd98::2', prefixLength: 32, peers: 'fd98:0:1::/64' },
} as const

export type Scenario = { readonly family: IpFamily } & (Mesh | Table | Idle | Drop | DropTables | Latency)

/** Every peer announces one prefix and waits for those of all others; `atOnce`: how many connect at the same time. */
export interface Mesh {
  readonly kind: 'mesh'
  readonly peers: number
  readonly atOnce: number
}

/** The first peer announces `routes` prefixes once all are connected; the others wait for all of them. With one peer: until the device has nothing to do any more. */
export interface Table {
  readonly kind: 'table'
  readonly peers: number
  readonly routes: number
}

/** A mesh that has learned all does nothing but keep its sessions. */
export interface Idle {
  readonly kind: 'idle'
  readonly peers: number
  readonly seconds: number
}

/** The last `dropped` peers of a mesh go; the others wait until they have heard of all. */
export interface Drop {
  readonly kind: 'drop'
  readonly peers: number
  readonly dropped: number
}

/** All peers but the first go, which have announced `routes` prefixes each; the first waits until it has heard of all. */
export interface DropTables {
  readonly kind: 'drop-tables'
  readonly peers: number
  readonly routes: number
}

/** The first peer announces one prefix after the other; the median time until all others have it. */
export interface Latency {
  readonly kind: 'latency'
  readonly peers: number
  readonly rounds: number
}

/** What the tester prints, a line of JSON each: the part that is looked at begins; all is sent; how long it took, or how far it came. It ends when its input does. */
export type FromTester =
  | { readonly kind: 'begun' }
  | { readonly kind: 'sent' }
  | { readonly kind: 'measured'; readonly seconds: number }
  | { readonly kind: 'given-up'; readonly reason: string }

export function peerAddress(index: number, family: IpFamily): string {
  if (family === 'ipv6') return `fd98:0:1::${(index + 1).toString(16)}`
  return `10.98.${128 + (index >> 8)}.${index & 255}`
}

export function peerAsn(index: number): number {
  return 4_200_000_001 + index
}

/** What a peer of a mesh announces. */
export function meshPrefix(index: number, family: IpFamily): string {
  if (family === 'ipv6') return `2001:db8:${(index + 1).toString(16)}::/48`
  return `10.${128 + (index >> 8)}.${index & 255}.0/24`
}

/** Whose prefix it is whose address starts at `at`. */
export function meshIndex(bytes: Uint8Array, at: number, family: IpFamily): number {
  if (family === 'ipv6') return ((bytes[at + 4]! << 8) | bytes[at + 5]!) - 1
  return ((bytes[at + 1]! - 128) << 8) | bytes[at + 2]!
}
