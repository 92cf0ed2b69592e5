// What of a peer's configuration cannot change without a session of its own.
import type { PeerConfig } from '../config.ts'

/** What of a peer's configuration its session depends on, as text to compare: what the OPEN and the connection carry. */
export function sessionResetFields(config: PeerConfig): string {
  const {
    address,
    interface: link,
    port,
    asn,
    localAddress,
    holdTime,
    families,
    password,
    ttlSecurityHops,
  } = config
  const { routeReflectorClient, extendedNextHop, gracefulRestart, longLivedRestart } = config
  const { addPathReceive, addPathSend } = config
  return JSON.stringify([
    [address, link, port, asn, localAddress, holdTime, families, password, ttlSecurityHops],
    [routeReflectorClient, extendedNextHop, gracefulRestart, longLivedRestart?.time],
    [addPathReceive, addPathSend],
  ])
}
