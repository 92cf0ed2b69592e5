// vlan and vlanTrunk: which VLANs a port of the bridge is in, and the interface by which the host is in one.

import { failure } from '../errors.ts'
import { findLink, type Link, setUp } from '../netlink/links.ts'
import type { Netlink } from '../netlink/netlink.ts'
import { addVlans, listVlans, removeVlans } from '../netlink/vlans.ts'
import type { System } from '../system.ts'
import type { BridgeConfig } from './configuration.ts'
import { createVeth } from './veth.ts'

/** What a trunk carries untagged when the configuration names no vlan. */
const NATIVE_VLAN = 1

type VlanConfig = Pick<BridgeConfig, 'vlan' | 'trunk' | 'preserveDefaultVlan'>

/** Puts the bridge port into the VLANs of the configuration, and out of the bridge's default one. */
export function tagPort(netlink: Netlink, port: Link, config: VlanConfig): void {
  const trunk = config.trunk ?? []
  if (config.vlan === 0 && trunk.length === 0) return
  try {
    const stale = config.preserveDefaultVlan ? [] : listVlans(netlink, port.index)
    const untagged = config.vlan === 0 ? NATIVE_VLAN : config.vlan
    const tagged = trunk.filter((vlan) => vlan !== untagged)
    netlink.request([
      ...(stale.length === 0 ? [] : [removeVlans(port.index, stale)]),
      addVlans(port.index, untagged, tagged),
    ])
  } catch (error) {
    throw failure(`failed to setup vlan tag on interface "${port.name}"`, error)
  }
}

/**
 * The host's interface in the bridge's VLAN, `bridge.vlan`, where the gateway's addresses are: one end of a pair whose
 * other end is an untagged port. It stays when containers go, as the bridge does.
 */
export function ensureVlanGateway(
  system: System,
  netlink: Netlink,
  bridge: Link,
  config: BridgeConfig,
): Link {
  const name = `${bridge.name}.${config.vlan}`
  const existing = findLink(netlink, name)
  if (existing !== undefined) return existing
  const port = createVeth(system, netlink, {
    containerName: name,
    netns: undefined,
    mtu: bridge.mtu,
    bridge,
    hairpin: false,
    isolated: false,
    alias: '',
  })
  const { vlan, preserveDefaultVlan } = config
  tagPort(netlink, findLink(netlink, port)!, { vlan, preserveDefaultVlan, trunk: undefined })
  netlink.request([setUp(name)])
  return findLink(netlink, name)!
}
