// The End-of-RIB marker (RFC 4724 section 2): an UPDATE without routes.
import { AFI, SAFI } from './codes.ts'
import { encodeMessage } from './message.ts'

const IPV4 = encodeMessage({ kind: 'update', withdrawn: [], attributes: {}, nlri: [] })
const IPV6 = encodeMessage({
  kind: 'update',
  withdrawn: [],
  attributes: {},
  nlri: [],
  mpUnreach: { afi: AFI.IPV6, safi: SAFI.UNICAST, nlri: [] },
})

export function encodeEndOfRib(family: 'ipv4-unicast' | 'ipv6-unicast'): Uint8Array {
  return family === 'ipv4-unicast' ? IPV4 : IPV6
}
