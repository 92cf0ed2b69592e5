/** Which addresses of a Service may be made service addresses on this node, and why others may not. */
import { type Cidr, contains, hostCidr } from '@podroute/address/cidr.ts'
import { specialRange } from '@podroute/address/special.ts'
import type { PlanContext } from './context.ts'
import type { Origin } from './frontend.ts'

export type Verdict =
  | { readonly kind: 'use' }
  /** Another node answers there; here it stays that node's. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'refuse'; readonly reason: string }

const USE: Verdict = { kind: 'use' }

/**
 * Anybody who may write a Service may write `spec.externalIPs` and with it take over traffic to any address: only those inside
 * the configured ranges count (CVE-2020-8554). An external address of this node needs no more than to be answered.
 */
export function judgeAddress(origin: Origin, address: string, context: PlanContext): Verdict {
  if (origin === 'node-port') return USE
  if (origin === 'cluster-ip') return judgeClusterIp(address, context)
  const reserved = context.reservedAddresses.get(address)
  if (reserved) return refuse(`the address of ${reserved.holder}`)
  const own = context.nodeAddresses.has(address)
  const aNode = context.clusterAddresses.has(address)
  switch (origin) {
    case 'external-ip':
      if (!inside(address, context.externalRanges))
        return refuse('not in a range that is configured for externalIPs')
      return outsideAddress(address, own, context)
    case 'load-balancer':
      // Another address of this node may be one that a load balancer on the nodes has put there.
      return own && aNode ? refuse('the address of a node') : outsideAddress(address, own, context)
  }
}

/**
 * The API server took it from a range that it was given, so that it is believed before any Node, whose status the node itself
 * writes. What the interfaces and the files of this node say is not a claim.
 */
function judgeClusterIp(address: string, context: PlanContext): Verdict {
  if (context.interfaceAddresses.has(address)) return refuse('the address of a node')
  const reserved = context.reservedAddresses.get(address)
  return reserved && !reserved.mayBeClusterIP ? refuse(`the address of ${reserved.holder}`) : USE
}

function outsideAddress(address: string, own: boolean, context: PlanContext): Verdict {
  const host = hostCidr(address)
  // Such an address means this host, this link or many hosts.
  if (!host || specialRange(host)) return refuse('not an address that clients can reach')
  if (!own && context.clusterAddresses.has(address)) return { kind: 'leave' }
  const taken = context.podRanges.hold(host) || context.serviceRanges.some((range) => contains(range, host))
  return taken ? refuse('inside the range of pods or Services') : USE
}

function inside(address: string, ranges: readonly Cidr[]): boolean {
  const host = hostCidr(address)
  return host !== undefined && ranges.some((range) => contains(range, host))
}

function refuse(reason: string): Verdict {
  return { kind: 'refuse', reason }
}
