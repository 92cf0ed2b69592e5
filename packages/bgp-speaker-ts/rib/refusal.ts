// Why a path may not be used, whatever the policy says: the reasons that are the speaker's own.
import { isHost, isLinkLocal, isLoopback } from '../address.ts'
import type { AttributeScan } from '../packet/attribute-scan.ts'
import { readU32 } from '../packet/reader.ts'
import type { IngestPeer } from './ingest-peer.ts'

/** Of the attributes that were just scanned, with the next hop at `at`; '': there is none. RFC 4271 sections 5.1.3, 6.3 and 9.1.2, RFC 4456 section 8. */
export function refusalOf(
  scan: AttributeScan,
  peer: IngestPeer,
  bytes: Uint8Array,
  at: number,
  length: number,
): string {
  if (scan.asPath.loops > 0) return 'as-loop'
  if (peer.firstAsn !== 0 && scan.asPath.neighbour !== peer.firstAsn) return 'first-as'
  if (scan.originatorId !== 0 && scan.originatorId === peer.localId) return 'originator-loop'
  for (let i = 0; i < scan.clusters; i++) {
    if (readU32(scan.buffer, scan.clusterAt + 4 * i) === peer.clusterId) return 'cluster-loop'
  }
  if (!isHost(bytes, at, length)) return 'bad-next-hop'
  // A session over loopback stays on this machine: only there such a next hop is the peer's.
  if (!peer.loopback && isLoopback(bytes, at, length)) return 'bad-next-hop'
  // Nobody knows its link.
  if (peer.source.zone === undefined && isLinkLocal(bytes, at, length)) return 'bad-next-hop'
  return peer.isOwnAddress(bytes, at, length) ? 'own-next-hop' : ''
}
