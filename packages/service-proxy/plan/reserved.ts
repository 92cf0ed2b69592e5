/** Addresses that are somebody else's: no Service gets one, or the node would lose whom it needs. Pure. */

import type { ReservedHolder } from '@podroute/feature/reserved-addresses.ts'

/** How a refusal names a holder. */
const HOLDERS: Readonly<Record<ReservedHolder, { readonly name: string; readonly mayBeClusterIP: boolean }>> =
  {
    // The one in use may be the ClusterIP of `default/kubernetes`.
    'api-server': { name: 'the API server', mayBeClusterIP: true },
    'api-server-endpoint': { name: 'the API server', mayBeClusterIP: true },
    'configured-api-server': { name: 'the API server', mayBeClusterIP: false },
    'bgp-peer': { name: 'a BGP peer', mayBeClusterIP: false },
    gateway: { name: 'a gateway of this node', mayBeClusterIP: false },
    broadcast: { name: 'a whole network of this node', mayBeClusterIP: false },
    // A node may ask the cluster's DNS, which is a Service.
    resolver: { name: 'a resolver of this node', mayBeClusterIP: true },
  }

/** Canonical addresses by holder. */
export type ReservedByHolder = Readonly<Partial<Record<ReservedHolder, readonly string[]>>>

export interface Reservation {
  /** `the API server` */
  readonly holder: string
  /** Whether the API server may have given this address to a Service as its ClusterIP. */
  readonly mayBeClusterIP: boolean
}

export type ReservedAddresses = ReadonlyMap<string, Reservation>

/** By address. Of several holders the one counts that leaves the least; the order in which they came does not. */
export function reservedAddresses(byHolder: ReservedByHolder): ReservedAddresses {
  const found = new Map<string, Reservation>()
  for (const [holder, { name, mayBeClusterIP }] of Object.entries(HOLDERS)) {
    for (const address of byHolder[holder as ReservedHolder] ?? []) {
      const known = found.get(address)
      if (!known || (known.mayBeClusterIP && !mayBeClusterIP)) {
        found.set(address, { holder: name, mayBeClusterIP })
      }
    }
  }
  return found
}
