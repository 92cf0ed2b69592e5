// The address families that the speaker knows, by name and by the numbers of RFC 4760.
import type { Family } from '../config.ts'
import { AFI, type AfiSafi, SAFI } from './codes.ts'

export const FAMILY_CODES: Readonly<Record<Family, AfiSafi>> = {
  'ipv4-unicast': { afi: AFI.IPV4, safi: SAFI.UNICAST },
  'ipv6-unicast': { afi: AFI.IPV6, safi: SAFI.UNICAST },
}

export const FAMILIES: readonly Family[] = ['ipv4-unicast', 'ipv6-unicast']

/** undefined: a family that the speaker does not know. */
export function familyOf({ afi, safi }: AfiSafi): Family | undefined {
  if (safi !== SAFI.UNICAST) return undefined
  return afi === AFI.IPV4 ? 'ipv4-unicast' : afi === AFI.IPV6 ? 'ipv6-unicast' : undefined
}
