// Checks the values of a peer's OPEN, whose form the decoder has checked (RFC 4271 section 6.2).

import { fits, type Role, roleOf } from '../../config/roles.ts'
import type { RemoteAsn } from '../../config.ts'
import { OPEN_ERROR } from '../../packet/codes.ts'
import type { Open } from '../../packet/open.ts'
import type { FsmConfig } from './fsm-state.ts'

/** Returns the subcode of the NOTIFICATION and the reason; undefined when the OPEN is acceptable. */
export function openProblem(
  { localAsn, localId, peerAsn, role, roleStrict }: FsmConfig,
  open: Open,
): { readonly subcode: number; readonly message: string } | undefined {
  if (!isExpected(open.asn, peerAsn, localAsn))
    return { subcode: OPEN_ERROR.PEER_AS, message: `AS ${open.asn}, not ${peerAsn}` }
  // RFC 6286 section 2.2: the identifier is unique inside an AS.
  if (open.routerId === localId && open.asn === localAsn)
    return { subcode: OPEN_ERROR.BGP_IDENTIFIER, message: 'our own BGP identifier' }
  if (role === undefined || open.asn === localAsn) return undefined
  const mismatch = roleProblem(role, roleStrict, open)
  return mismatch === undefined ? undefined : { subcode: OPEN_ERROR.ROLE_MISMATCH, message: mismatch }
}

/** Whether two OPENs of one connection have the same AS number, hold time, BGP identifier and kinds of capabilities. What the capabilities say is not compared. */
export function isSameOpen(one: Open, other: Open): boolean {
  return identity(one) === identity(other)
}

function identity({ asn, holdTime, routerId, capabilities }: Open): string {
  const kinds = capabilities.map(({ kind }) => kind).sort()
  return [asn, holdTime, routerId, ...kinds].join()
}

/** RFC 9234 section 4.2: roles have to fit; a peer that says none is taken unless we are strict, one that says several is not. */
function roleProblem(ours: Role, strict: boolean, { capabilities }: Open): string | undefined {
  const codes = new Set<number>()
  for (const capability of capabilities) if (capability.kind === 'role') codes.add(capability.role)
  if (codes.size > 1) return 'several roles'
  const [code] = codes
  if (code === undefined) return strict ? `no role, and we are its ${ours}` : undefined
  const theirs = roleOf(code)
  if (theirs !== undefined && fits(ours, theirs)) return undefined
  return `role ${theirs ?? code}, and we are its ${ours}`
}

function isExpected(asn: number, expected: RemoteAsn, localAsn: number): boolean {
  if (expected === 'internal') return asn === localAsn
  return expected === 'external' ? asn !== localAsn : asn === expected
}
