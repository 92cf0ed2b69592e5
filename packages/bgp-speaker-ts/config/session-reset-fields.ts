// The fields of a peer's configuration that need a new session when they change.
import type { PeerConfig } from '../config.ts'

/** Returns those fields as text to compare: what the OPEN and the connection carry. */
export function sessionResetFields(config: PeerConfig): string {
  const { address, interface: link, port, asn, localAddress, holdTime, families, ttlSecurityHops } = config
  const { localAsn, allowOwnAs } = config
  const { extendedNextHop, gracefulRestart, longLivedRestart } = config
  const { addPathReceive, addPathSend, role, roleStrict } = config
  return JSON.stringify([
    [address, link, port, asn, localAddress, holdTime, families, ttlSecurityHops],
    [localAsn, allowOwnAs],
    [extendedNextHop, gracefulRestart, longLivedRestart?.time],
    [addPathReceive, addPathSend, role, roleStrict],
  ])
}
