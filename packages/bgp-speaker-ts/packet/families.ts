// The address families of the speaker, by name and by their numbers (RFC 4760).
import type { Family } from '../config.ts'
import { AFI, type AfiSafi, SAFI } from './codes.ts'

export const FAMILY_CODES: Readonly<Record<Family, AfiSafi>> = {
  'ipv4-unicast': { afi: AFI.IPV4, safi: SAFI.UNICAST },
  'ipv6-unicast': { afi: AFI.IPV6, safi: SAFI.UNICAST },
}

export const FAMILIES: readonly Family[] = ['ipv4-unicast', 'ipv6-unicast']

/** Returns the family of the numbers; undefined when the speaker does not support it. */
export function familyOf({ afi, safi }: AfiSafi): Family | undefined {
  if (safi !== SAFI.UNICAST) return undefined
  return afi === AFI.IPV4 ? 'ipv4-unicast' : afi === AFI.IPV6 ? 'ipv6-unicast' : undefined
}
