// The bridge itself: created when missing, never taken from somebody who made something else of that name.

import { failure } from '../errors.ts'
import { findLink, type Link, newBridge, setPromiscuous, setUp } from '../netlink/links.ts'
import { trySysctl } from '../netlink/namespace.ts'
import type { Netlink } from '../netlink/netlink.ts'
import type { System } from '../system.ts'
import type { BridgeConfig } from './configuration.ts'

function checkKind(link: Link): Link {
  if (link.kind !== 'bridge') throw failure(`"${link.name}" already exists but is not a bridge`)
  return link
}

/** A hardware address of the range that everybody may draw from. */
function randomMac(system: System): Uint8Array {
  const mac = system.randomBytes(6)
  mac[0] = (mac[0]! & 0xfc) | 0x02
  return mac
}

function create(system: System, netlink: Netlink, config: BridgeConfig): void {
  const filtering = config.vlan !== 0 || config.trunk !== undefined
  const [reply] = netlink.exchange([newBridge(config.bridge, config.mtu, randomMac(system), filtering)])
  const error = reply!.error
  // Another ADD may have been first.
  if (error !== undefined && error.code !== 'EEXIST')
    throw failure(`failed to create bridge "${config.bridge}": could not add "${config.bridge}"`, error)
}

/** The bridge, up. */
export function ensureBridge(system: System, netlink: Netlink, config: BridgeConfig): Link {
  const name = config.bridge
  const existing = findLink(netlink, name)
  if (existing === undefined) create(system, netlink, config)
  const bridge = checkKind(existing ?? findLink(netlink, name)!)
  trySysctl(system, `ipv6/conf/${name}/accept_ra`, '0') // its routes are ours
  if (config.promiscuous && !bridge.promiscuous) netlink.request([setPromiscuous(name)])
  if (!bridge.up) netlink.request([setUp(name)])
  return bridge
}
