// Gateways: which addresses the bridge gets, which default routes the container gets, and forwarding.

import { failure } from '../errors.ts'
import { addAddress, listAddresses, removeAddress } from '../netlink/addresses.ts'
import { type Link, setMac } from '../netlink/links.ts'
import { ensureSysctl } from '../netlink/namespace.ts'
import type { Netlink } from '../netlink/netlink.ts'
import type { Request } from '../netlink/wire.ts'
import {
  contains,
  familyOf,
  formatPrefix,
  isV4,
  networkOf,
  nextAddress,
  type Prefix,
  sameAddress,
} from '../protocol/address.ts'
import type { IpConfig, Result, Route } from '../protocol/result.ts'
import type { System } from '../system.ts'
import { macToFix } from './bridge-mac.ts'
import type { BridgeConfig } from './configuration.ts'

/** Index of the container's interface in the result. */
const CONTAINER_INTERFACE = 2

/** A default route without a gateway counts: it leads to the bridge too, and a second one would be refused by the kernel. */
const isDefault = (route: Route, family: 4 | 6) =>
  (route.gateway !== undefined || route.table === undefined) &&
  route.destination.length === 0 &&
  familyOf(route.destination.address) === family

function withGateway(ip: IpConfig, config: BridgeConfig): IpConfig {
  const gateway = ip.gateway ?? (config.gateway ? nextAddress(networkOf(ip.address)) : undefined)
  return { ...ip, interface: CONTAINER_INTERFACE, ...(gateway === undefined ? {} : { gateway }) }
}

/** A default route for each family that has none yet. */
function defaultRoutes(ips: readonly IpConfig[], routes: readonly Route[]): Route[] {
  const added: Route[] = []
  for (const { address, gateway } of ips) {
    const family = familyOf(address.address)
    if ([...routes, ...added].some((route) => isDefault(route, family))) continue
    const zero = new Uint8Array(address.address.length)
    added.push({ destination: { address: zero, length: 0 }, ...(gateway === undefined ? {} : { gateway }) })
  }
  return added
}

/** The IPAM's result with what isGateway and isDefaultGateway add. */
export function planGateways(result: Result, config: BridgeConfig): Result {
  const ips = result.ips.map((ip) => withGateway(ip, config))
  const added = config.defaultGateway ? defaultRoutes(ips, result.routes) : []
  return { ...result, ips, routes: [...result.routes, ...added] }
}

/** The bridge's own addresses. */
export const gatewayPrefixes = (ips: readonly IpConfig[]): Prefix[] =>
  ips.map(({ address, gateway }) => ({ address: gateway!, length: address.length }))

const samePrefix = (a: Prefix, b: Prefix) => a.length === b.length && sameAddress(a.address, b.address)

/** IPv4 has one address; IPv6 several as long as their prefixes are apart. */
const conflicts = (existing: Prefix, wanted: Prefix) =>
  familyOf(existing.address) === familyOf(wanted.address) &&
  (isV4(wanted.address) || contains(existing, wanted.address) || contains(wanted, existing.address))

/** What makes `wanted` the link's address. @throws CniError when another is in the way and must stay. */
function addressRequests(link: Link, existing: readonly Prefix[], wanted: Prefix, force: boolean): Request[] {
  if (existing.some((prefix) => samePrefix(prefix, wanted))) return []
  const others = existing.filter((prefix) => conflicts(prefix, wanted))
  if (others.length > 0 && !force)
    throw failure(
      `failed to set bridge addr: "${link.name}" already has an IP address different from ${formatPrefix(wanted)}`,
    )
  return [...others.map((prefix) => removeAddress(link.index, prefix)), addAddress(link.index, wanted)]
}

/** Gives the link its gateway addresses and turns forwarding on for their families. */
export function ensureGateways(
  system: System,
  netlink: Netlink,
  link: Link,
  wanted: readonly Prefix[],
  force: boolean,
): void {
  const existing = listAddresses(netlink, link.index).map((address) => address.prefix)
  const requests = wanted.flatMap((prefix, i) => {
    const others = [...existing, ...wanted.slice(0, i)]
    return addressRequests(link, others, prefix, force)
  })
  const mac = link.kind === 'bridge' ? macToFix(system, link, wanted[0]!.address) : undefined
  if (mac !== undefined) requests.push(setMac(link.name, mac))
  // EEXIST: another ADD was first with the same address.
  for (const { error } of requests.length > 0 ? netlink.exchange(requests) : [])
    if (error !== undefined && error.code !== 'EEXIST')
      throw failure(`could not set address of "${link.name}"`, error)
  if (wanted.some((prefix) => isV4(prefix.address))) ensureSysctl(system, 'ipv4/ip_forward', '1')
  if (wanted.some((prefix) => !isV4(prefix.address))) ensureSysctl(system, 'ipv6/conf/all/forwarding', '1')
}
