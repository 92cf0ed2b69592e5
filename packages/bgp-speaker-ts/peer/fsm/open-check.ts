// Checks the values of a peer's OPEN, whose form the decoder has checked (RFC 4271 section 6.2).
import type { RemoteAsn } from '../../config.ts'
import { OPEN_ERROR } from '../../packet/codes.ts'
import type { Open } from '../../packet/open.ts'
import type { FsmConfig } from './fsm-state.ts'

/** Returns the subcode of the NOTIFICATION and the reason; undefined when the OPEN is acceptable. */
export function openProblem(
  { localAsn, localId, peerAsn }: FsmConfig,
  open: Open,
): { readonly subcode: number; readonly message: string } | undefined {
  if (!isExpected(open.asn, peerAsn, localAsn))
    return { subcode: OPEN_ERROR.PEER_AS, message: `AS ${open.asn}, not ${peerAsn}` }
  // RFC 6286 section 2.2: the identifier is unique inside an AS.
  if (open.routerId === localId && open.asn === localAsn)
    return { subcode: OPEN_ERROR.BGP_IDENTIFIER, message: 'our own BGP identifier' }
  return undefined
}

function isExpected(asn: number, expected: RemoteAsn, localAsn: number): boolean {
  if (expected === 'internal') return asn === localAsn
  return expected === 'external' ? asn !== localAsn : asn === expected
}
