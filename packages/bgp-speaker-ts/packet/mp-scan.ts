// Locates the parts of MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760) in a message.
import { isLinkLocal } from '../address.ts'
import { NotificationError } from '../errors.ts'
import { AFI, ERROR, SAFI, UPDATE_ERROR } from './codes.ts'
import { readU16 } from './reader.ts'

/** The located parts, as offsets into the message. `afi` 0: the attribute is absent. */
export interface MpSection {
  afi: number
  safi: number
  nextHopAt: number
  /** Length of the address at `nextHopAt` without a link-local one: 4 or 16. */
  nextHopLength: number
  /** Offset of the link-local address after the global one (RFC 2545 section 3); 0: there is none. */
  linkLocalAt: number
  /** The NLRI. */
  start: number
  end: number
}

/** Whether the attribute is present and has NLRI, of any family. */
export function hasNlri({ afi, start, end }: MpSection): boolean {
  return afi !== 0 && start < end
}

function malformed(name: string): NotificationError {
  // RFC 7606 sections 5.3 and 7.11: the session is reset when the NLRI cannot be located.
  return new NotificationError(ERROR.UPDATE, UPDATE_ERROR.OPTIONAL_ATTRIBUTE, `malformed ${name}`)
}

//  | AFI (2) | SAFI (1) | Next hop length (1) | Next hop | Reserved (1) | NLRI

export function readMpReach(bytes: Uint8Array, at: number, length: number, section: MpSection): undefined {
  const end = at + length
  if (length < 5) throw malformed('MP_REACH_NLRI')
  const afi = readU16(bytes, at)
  const safi = bytes[at + 2]!
  const hopLength = bytes[at + 3]!
  const start = at + 5 + hopLength
  if (start > end) throw malformed('MP_REACH_NLRI')
  if (safi === SAFI.UNICAST && !validHopLength(afi, hopLength)) throw malformed('next hop of MP_REACH_NLRI')
  section.afi = afi
  section.safi = safi
  section.nextHopAt = at + 4
  section.nextHopLength = hopLength === 32 ? 16 : hopLength
  section.linkLocalAt = hopLength === 32 && isLinkLocal(bytes, at + 20, 16) ? at + 20 : 0
  section.start = start
  section.end = end
}

/** Valid lengths of RFC 2545 section 3 and, for IPv4 prefixes with IPv6 next hops, of RFC 8950 section 3. */
function validHopLength(afi: number, length: number): boolean {
  return (
    length === 16 ||
    length === 32 ||
    (length === 4 && afi === AFI.IPV4) ||
    (afi !== AFI.IPV4 && afi !== AFI.IPV6)
  )
}

//  | AFI (2) | SAFI (1) | NLRI

export function readMpUnreach(bytes: Uint8Array, at: number, length: number, section: MpSection): undefined {
  if (length < 3) throw malformed('MP_UNREACH_NLRI')
  section.afi = readU16(bytes, at)
  section.safi = bytes[at + 2]!
  section.start = at + 3
  section.end = at + length
}
