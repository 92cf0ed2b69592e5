// What is wrong with a peer's OPEN, beside its form (RFC 4271 section 6.2).
import type { RemoteAsn } from '../../config.ts'
import { OPEN_ERROR } from '../../packet/codes.ts'
import type { Open } from '../../packet/open.ts'
import type { FsmConfig } from './fsm-state.ts'

/** The subcode to refuse it with, and why; undefined: nothing is wrong. */
export function openProblem(
  { localAsn, localId, peerAsn }: FsmConfig,
  open: Open,
): { readonly subcode: number; readonly message: string } | undefined {
  if (!isExpected(open.asn, peerAsn, localAsn))
    return { subcode: OPEN_ERROR.PEER_AS, message: `AS ${open.asn}, not ${peerAsn}` }
  // RFC 6286 2.2: inside one AS the identifier is unique.
  if (open.routerId === localId && open.asn === localAsn)
    return { subcode: OPEN_ERROR.BGP_IDENTIFIER, message: 'our own BGP identifier' }
  return undefined
}

function isExpected(asn: number, expected: RemoteAsn, localAsn: number): boolean {
  if (expected === 'internal') return asn === localAsn
  return expected === 'external' ? asn !== localAsn : asn === expected
}
