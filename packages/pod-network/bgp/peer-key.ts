/** The names of peers. */
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { canonicalAddress, peerName } from 'bgp-speaker-ts/peer-name.ts'

/** The speaker's own name of a peer: its address in canonical form. */
export const peerKey = (peer: Pick<PeerConfig, 'address' | 'interface'>) => canonicalAddress(peerName(peer))
