/** One address, protocol and port that clients connect to, with everything that the kernel must hold for it. */

import type { Family } from '@podroute/address/address.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { Destination, VirtualServer } from '../kernel/kernel.ts'
import type { ShortAffinity } from '../rules/affinity.ts'

/** `tcp 10.96.0.1 80`, or `mark 4 4096`: as unique as the kernel's own key. */
export type ServerKey = string
/** `tcp 10.96.0.1 80 > 10.244.1.5 8080` */
export type DestinationKey = string

export type Origin = 'cluster-ip' | 'node-port' | 'external-ip' | 'load-balancer'

export interface Frontend {
  readonly key: ServerKey
  readonly origin: Origin
  /** Name of the Service's port. */
  readonly portName: string
  /** Milliseconds since 1970: of the Service. */
  readonly created: number
  /** What clients connect to. */
  readonly address: string
  readonly port: number
  readonly protocol: Protocol
  /** For how many seconds a destination that goes keeps its connections; undefined: as configured. */
  readonly drain: number | undefined
  readonly server: VirtualServer
  readonly destinations: readonly Destination[]
  readonly elements: readonly SetElement[]
  /** Which endpoint a client had is remembered beside IPVS. */
  readonly affinity?: ShortAffinity
  /** The address to make local, unless it is one of the node's own. */
  readonly vip: string | undefined
  /** In its place for clients outside the cluster, whose packets are marked; undefined: it is for all clients. */
  readonly outside?: Frontend
  /** Its Service is gone: it gives way to every other one. */
  readonly leaving?: boolean
}

/**
 * Marks a virtual server as ours. The kernel keeps all bits of the flags and gives meaning to the lowest six only, so what
 * is in use by others is never adopted, changed or removed, and a restarted agent knows its own.
 */
export const FLAG_OURS = 0x50d0_0000
const FLAG_OURS_MASK = 0x7ff0_0000

export function isOurs(server: VirtualServer): boolean {
  return (server.flags & FLAG_OURS_MASK) === FLAG_OURS
}

export function serverKey(server: {
  readonly family: Family
  readonly protocol: Protocol
  readonly address: string
  readonly port: number
  readonly fwmark?: number
}): ServerKey {
  if (server.fwmark) return `mark ${server.family} ${server.fwmark}`
  return `${server.protocol} ${server.address} ${server.port}`
}

export function destinationKey(
  server: ServerKey,
  destination: { readonly address: string; readonly port: number },
): DestinationKey {
  // In one piece: a template keeps its parts beside the whole, and there are very many of these.
  return [server, '>', destination.address, destination.port].join(' ')
}

/** The server of a destination. */
export function serverOf(key: DestinationKey): ServerKey {
  return key.slice(0, key.indexOf(' > '))
}
