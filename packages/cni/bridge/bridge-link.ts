// The bridge's link: created when missing; a link of another kind with its name is an error.

import { failure } from '../errors.ts'
import { findLink, type Link, newBridge, setPromiscuous, setUp } from '../netlink/links.ts'
import { trySysctl } from '../netlink/namespace.ts'
import type { Netlink } from '../netlink/netlink.ts'
import type { Address } from '../protocol/address.ts'
import type { System } from '../system.ts'
import { gatewayMac } from './bridge-mac.ts'
import type { BridgeConfig } from './configuration.ts'

function checkKind(link: Link): Link {
  if (link.kind !== 'bridge') throw failure(`"${link.name}" already exists but is not a bridge`)
  return link
}

/** A locally administered unicast MAC (IEEE 802: bit 1 of the first byte set, bit 0 clear). */
export function randomMac(system: System): Uint8Array {
  const mac = system.randomBytes(6)
  mac[0] = (mac[0]! & 0xfc) | 0x02
  return mac
}

function create(system: System, netlink: Netlink, config: BridgeConfig, gateway: Address | undefined): void {
  const filtering = config.vlan !== 0 || config.trunk !== undefined
  const mac = gateway === undefined ? randomMac(system) : gatewayMac(gateway)
  const [reply] = netlink.exchange([newBridge(config.bridge, config.mtu, mac, filtering)])
  const error = reply!.error
  // EEXIST: another ADD has created it meanwhile.
  if (error !== undefined && error.code !== 'EEXIST')
    throw failure(`failed to create bridge "${config.bridge}": could not add "${config.bridge}"`, error)
}

/** Undefined when there is none yet. @throws CniError when something else has its name */
export function findBridge(netlink: Netlink, config: BridgeConfig): Link | undefined {
  const link = findLink(netlink, config.bridge)
  return link && checkKind(link)
}

/**
 * The bridge, up.
 * @param existing what `findBridge` has found
 * @param gateway the first address that the bridge will have, if any: a new bridge's MAC follows it
 */
export function ensureBridge(
  system: System,
  netlink: Netlink,
  config: BridgeConfig,
  existing: Link | undefined,
  gateway: Address | undefined,
): Link {
  const name = config.bridge
  if (existing === undefined) create(system, netlink, config, gateway)
  const bridge = checkKind(existing ?? findLink(netlink, name)!)
  trySysctl(system, `ipv6/conf/${name}/accept_ra`, '0') // its routes are ours
  if (config.promiscuous && !bridge.promiscuous) netlink.request([setPromiscuous(name)])
  if (!bridge.up) netlink.request([setUp(name)])
  return bridge
}
