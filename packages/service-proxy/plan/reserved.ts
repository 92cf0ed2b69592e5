/** Addresses that are somebody else's: no Service gets one, or the node would lose whom it needs. Pure. */

import type { ReservedAddresses, ReservedHolder } from '@podroute/feature/reserved-addresses.ts'

export interface Reservation {
  /** How a refusal names the holder: `the API server`. */
  readonly holder: string
  /** Whether the API server may have given this address to a Service as its ClusterIP. */
  readonly mayBeClusterIP: boolean
}

/** By the holder. */
export const RESERVATIONS: Readonly<Record<ReservedHolder, Reservation>> = {
  // The one in use may be the ClusterIP of `default/kubernetes`.
  'api-server': { holder: 'the API server', mayBeClusterIP: true },
  'api-server-endpoint': { holder: 'the API server', mayBeClusterIP: true },
  'configured-api-server': { holder: 'the API server', mayBeClusterIP: false },
  'bgp-peer': { holder: 'a BGP peer', mayBeClusterIP: false },
  gateway: { holder: 'a gateway of this node', mayBeClusterIP: false },
  broadcast: { holder: 'a whole network of this node', mayBeClusterIP: false },
  // A node may ask the cluster's DNS, which is a Service.
  resolver: { holder: 'a resolver of this node', mayBeClusterIP: true },
}

/** By address. */
export type Reservations = Pick<ReadonlyMap<string, Reservation>, 'get'>

/** As they are whenever one is asked for. */
export function reservationsOf(reserved: Pick<ReservedAddresses, 'holderOf'>): Reservations {
  return {
    get(address) {
      const holder = reserved.holderOf(address)
      return holder && RESERVATIONS[holder]
    },
  }
}
