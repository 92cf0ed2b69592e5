// Reasons of the speaker's own to refuse a path, whatever the policy says: loops, leaks, a wrong first AS, a bad next hop.
import { isHost, isLinkLocal, isLoopback } from '../address.ts'
import type { AttributeScan } from '../packet/attribute-scan.ts'
import { readU32 } from '../packet/reader.ts'
import type { IngestPeer } from './ingest-peer.ts'
import { isLeak } from './only-to-customer.ts'
import { PATH_FLAG, REFUSAL_SHIFT } from './path-table.ts'

/** All reasons, at the numbers that `PathTable` keeps. */
const REFUSALS = [
  'as-loop',
  'first-as',
  'route-leak',
  'originator-loop',
  'cluster-loop',
  'bad-next-hop',
  'own-next-hop',
] as const
export type Refusal = (typeof REFUSALS)[number] | ''

/** The flags of a path that is refused for that reason; 0 for '': it is not. */
export function refusalFlags(reason: Refusal): number {
  return reason === '' ? 0 : PATH_FLAG.REFUSED | (REFUSALS.indexOf(reason) << REFUSAL_SHIFT)
}

/** Why the speaker itself refuses a path with these flags; '': it does not. */
export function refusalOfFlags(flags: number): Refusal {
  return (flags & PATH_FLAG.REFUSED) === 0 ? '' : REFUSALS[flags >> REFUSAL_SHIFT]!
}

/** Returns the reason to refuse the scanned attributes with the next hop at `at`; '': none (RFC 4271 sections 5.1.3, 6.3 and 9.1.2, RFC 4456 section 8, RFC 9234 section 5). */
export function refusalOf(
  scan: AttributeScan,
  peer: IngestPeer,
  bytes: Uint8Array,
  at: number,
  length: number,
): Refusal {
  if (scan.asPath.loops > peer.allowedLoops) return 'as-loop'
  if (peer.firstAsn !== 0 && scan.asPath.neighbour !== peer.firstAsn) return 'first-as'
  if (isLeak(peer.otc, scan.onlyToCustomer)) return 'route-leak'
  if (scan.originatorId !== 0 && scan.originatorId === peer.localId) return 'originator-loop'
  for (let i = 0; i < scan.clusters; i++) {
    if (readU32(scan.buffer, scan.clusterAt + 4 * i) === peer.clusterId) return 'cluster-loop'
  }
  if (!isHost(bytes, at, length)) return 'bad-next-hop'
  // Only on a session over loopback is a loopback next hop the peer's; elsewhere it would be ourselves.
  if (!peer.loopback && isLoopback(bytes, at, length)) return 'bad-next-hop'
  // The link of a link-local next hop is known on a link-local session only.
  if (peer.source.zone === undefined && isLinkLocal(bytes, at, length)) return 'bad-next-hop'
  return peer.isOwnAddress(bytes, at, length) ? 'own-next-hop' : ''
}
