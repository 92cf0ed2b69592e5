// CHECK: is what ADD reported still there?

import { failure } from '../errors.ts'
import { hostLocal } from '../host-local/plugin.ts'
import { listAddresses } from '../netlink/addresses.ts'
import { findLink, type Link } from '../netlink/links.ts'
import { Namespace } from '../netlink/namespace.ts'
import { Netlink } from '../netlink/netlink.ts'
import { type KernelRoute, listRoutes } from '../netlink/routes.ts'
import {
  familyOf,
  formatMac,
  formatPrefix,
  networkOf,
  type Prefix,
  sameAddress,
} from '../protocol/address.ts'
import { Ipam } from '../protocol/delegate.ts'
import type { Invocation } from '../protocol/invocation.ts'
import { type Interface, type Result, type Route, readResult } from '../protocol/result.ts'
import type { System } from '../system.ts'
import { type BridgeConfig, readConfig } from './configuration.ts'

const samePrefix = (a: Prefix, b: Prefix) => a.length === b.length && sameAddress(a.address, b.address)

function linkOf(netlink: Netlink, expected: Interface): Link {
  if (expected.name === '') throw failure('Interface name missing')
  const link = findLink(netlink, expected.name)
  if (link === undefined) throw failure(`Interface name ${expected.name} not found`)
  const mac = formatMac(link.mac)
  if (expected.mac !== undefined && expected.mac !== mac)
    throw failure(`Interface ${expected.name} Mac ${expected.mac} doesn't match: ${mac}`)
  return link
}

function checkBridge(netlink: Netlink, expected: Interface | undefined, config: BridgeConfig): Link {
  if (expected === undefined) throw failure('Interface name missing')
  const bridge = linkOf(netlink, expected)
  if (expected.sandbox !== undefined) throw failure(`Interface ${expected.name} should not be in sandbox`)
  if (bridge.kind !== 'bridge') throw failure(`Interface ${expected.name} does not have link type of bridge`)
  if (bridge.promiscuous !== config.promiscuous)
    throw failure(
      `Bridge interface ${bridge.name} configured Promisc Mode ${config.promiscuous} doesn't match current state: ${bridge.promiscuous}`,
    )
  return bridge
}

function checkContainer(netlink: Netlink, expected: Interface | undefined, netns: string): Link {
  if (expected === undefined) throw failure(`Sandbox in prevResult doesn't match configured netns: ${netns}`)
  const link = linkOf(netlink, expected)
  if (link.kind !== 'veth') throw failure(`Error: Container interface ${link.name} not of type veth`)
  return link
}

/** The host's end: the container's other end, on the bridge. */
function checkHostEnd(
  netlink: Netlink,
  candidates: readonly Interface[],
  container: Link,
  bridge: Link,
): void {
  for (const expected of candidates) {
    const link = findLink(netlink, expected.name)
    if (link === undefined) throw failure(`Interface name ${expected.name} not found`)
    const connected = link.peer === container.index && container.peer === link.index
    if (link.kind !== 'veth' || !connected || link.master !== bridge.index) continue
    linkOf(netlink, expected)
    return
  }
  throw failure(`CNI veth created for bridge ${bridge.name} was not found`)
}

function checkAddresses(netlink: Netlink, link: Link, result: Result): void {
  const present = listAddresses(netlink, link.index).map((address) => address.prefix)
  for (const { address } of result.ips)
    if (!present.some((prefix) => samePrefix(prefix, address)))
      throw failure(`Failed to match addr ${formatPrefix(address)} on interface ${link.name}`)
}

const MAIN_TABLE = 254

/** A default route is looked for by its destination alone, as the reference does; the table is the one that ADD used. */
function isThere(route: Route, kernel: readonly KernelRoute[]): boolean {
  const network = { ...route.destination, address: networkOf(route.destination) }
  return kernel.some((candidate) => {
    if (!samePrefix(candidate.destination, network) || candidate.table !== (route.table ?? MAIN_TABLE))
      return false
    if (route.gateway === undefined || network.length === 0) return true
    return candidate.gateway !== undefined && sameAddress(candidate.gateway, route.gateway)
  })
}

function checkRoutes(netlink: Netlink, result: Result): void {
  for (const family of [4, 6] as const) {
    const expected = result.routes.filter((route) => familyOf(route.destination.address) === family)
    if (expected.length === 0) continue
    const kernel = listRoutes(netlink, family)
    for (const route of expected)
      if (!isThere(route, kernel))
        throw failure(`Expected Route ${formatPrefix(route.destination)} not found in routing table`)
  }
}

export function check(system: System, invocation: Invocation): void {
  const config = readConfig(invocation)
  const namespace = Namespace.open(system, invocation.netns)
  if (config.ipamType !== '') new Ipam(system, invocation, config.ipamType, [hostLocal]).check()
  if (!invocation.config.has('prevResult')) throw failure('Required prevResult missing')
  const result = readResult(invocation.config.raw.prevResult, invocation.version)
  const host = new Netlink(system)
  const inside = namespace.netlink()
  const isBridge = (i: Interface) => i.name === config.bridge
  const isContainer = (i: Interface) => i.name === invocation.interfaceName && i.sandbox === invocation.netns
  const bridge = checkBridge(host, result.interfaces.find(isBridge), config)
  const container = checkContainer(
    inside,
    result.interfaces.find((i) => !isBridge(i) && isContainer(i)),
    invocation.netns,
  )
  const others = result.interfaces.filter((i) => !isBridge(i) && i.name !== container.name)
  checkHostEnd(host, others, container, bridge)
  checkAddresses(inside, container, result)
  checkRoutes(inside, result)
}
