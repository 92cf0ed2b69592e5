/** One address, protocol and port that clients connect to, with everything that the kernel must hold for it. */

import type { Protocol } from '@podroute/cluster/objects/service.ts'
import type { ServerKey } from '@podroute/kernel/ipvs/keys.ts'
import type { Destination, VirtualServer } from '@podroute/kernel/kernel.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { ShortAffinity } from '../rules/affinity.ts'

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
  /** None of the destinations is ready: they terminate, and serve still. */
  readonly leaving?: true
  readonly elements: readonly SetElement[]
  /** Which endpoint a client had is remembered beside IPVS. */
  readonly affinity?: ShortAffinity
  /** The address to make local, unless it is one of the node's own. */
  readonly vip: string | undefined
  /** In its place for clients outside the cluster, whose packets are marked; undefined: it is for all clients. */
  readonly outside?: Frontend
  /** Its Service is gone: it gives way to every other one. */
  readonly draining?: boolean
}
