// The bridge's hardware address. Containers have it in their neighbour entries, so it must not change as others come and go.

import type { Link } from '../netlink/links.ts'
import type { Address } from '../protocol/address.ts'
import { type System, unless } from '../system.ts'

/** NET_ADDR_SET: somebody chose the address, and the kernel leaves it alone. */
const CHOSEN = '3'

/** The address of a new bridge: 0a:58 and the last four bytes of the gateway's, as the agent chooses it (pod-network/bridge/bridge.ts). */
export function gatewayMac(gateway: Address): Uint8Array {
  const mac = new Uint8Array(6)
  mac.set([0x0a, 0x58])
  mac.set(gateway.subarray(-4), 2)
  return mac
}

const isNone = (mac: Uint8Array) => mac.every((byte) => byte === 0)
const isGatewayMac = (mac: Uint8Array) => mac[0] === 0x0a && mac[1] === 0x58

function isChosen(system: System, name: string): boolean {
  const path = `/sys/class/net/${name}/addr_assign_type`
  return unless(['EACCES'], () => system.readSetting(path)) === CHOSEN
}

/**
 * What to set so that the bridge keeps its address; undefined where it does so already. A bridge whose address nobody chose has
 * the lowest one of its ports, and none after its last port is gone.
 */
export function macToFix(system: System, bridge: Link, gateway: Address): Uint8Array | undefined {
  const mac = bridge.mac
  if (isNone(mac)) return gatewayMac(gateway)
  // Setting an address makes the kernel forget the neighbours behind the bridge: not at each ADD.
  return isGatewayMac(mac) || isChosen(system, bridge.name) ? undefined : mac
}
