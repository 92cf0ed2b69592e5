// The container's side: settings, addresses, link up, routes.

import { failure } from '../errors.ts'
import { addAddress, listAddresses } from '../netlink/addresses.ts'
import { findLink, setLinkLocalFromMac, setUp } from '../netlink/links.ts'
import { type Namespace, trySysctl } from '../netlink/namespace.ts'
import { Netlink } from '../netlink/netlink.ts'
import { addRoute } from '../netlink/routes.ts'
import { familyOf, formatAddress, formatPrefix, isV4 } from '../protocol/address.ts'
import type { Result, Route } from '../protocol/result.ts'
import type { NetworkInterface, System } from '../system.ts'

const SETTLE_TIMEOUT_MS = 5000
const POLL_MS = 1

/** The container's end of the pair. */
export interface ContainerLink extends NetworkInterface {
  readonly name: string
}

const hasV6 = (result: Result) => result.ips.some((ip) => !isV4(ip.address.address))

/** A container may start with IPv6 off; lo needs it as well. */
function enableV6(system: System, name: string): void {
  for (const link of ['lo', name]) {
    const path = `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`
    const value = system.readSetting(path)
    if (value !== undefined && value !== '0') system.writeFile(path, '0')
  }
  // Addresses stay when the link goes down.
  system.writeFile(`/proc/sys/net/ipv6/conf/${name}/keep_addr_on_down`, '1')
}

/** Settings of the container's side. */
export interface ContainerSettings {
  /** Duplicate address detection. */
  readonly detection: boolean
  /** It is a host of its own, and no neighbour is its router. */
  readonly host: boolean
}

/**
 * A new namespace forwards IPv4 where the node does; who asks for another setting has the runtime write it afterwards. To be called before
 * the container has its interface: a change needs the kernel's lock of all links, and instead of waiting tries again and again for it.
 * While the kernel makes a new pair known that took a twentieth of an ADD's processor time.
 */
export function stopForwarding(system: System, namespace: Namespace): void {
  namespace.run(() => {
    // Written without a look: of this one the kernel takes its lock only where something changes.
    trySysctl(system, 'ipv4/ip_forward', '0')
    const path = '/proc/sys/net/ipv6/conf/all/forwarding'
    const forwarding = system.readSetting(path)
    if (forwarding !== undefined && forwarding !== '0') system.writeFile(path, '0')
  })
}

function writeSettings(system: System, name: string, settings: ContainerSettings, v6: boolean): void {
  const { detection, host } = settings
  if (host) trySysctl(system, `ipv6/conf/${name}/accept_ra`, '0')
  trySysctl(system, `ipv6/conf/${name}/accept_dad`, detection ? '1' : '0')
  if (detection) trySysctl(system, `ipv6/conf/${name}/enhanced_dad`, '1')
  // The kernel announces the addresses (gratuitous ARP, unsolicited NA) when the link comes up.
  trySysctl(system, `ipv4/conf/${name}/arp_notify`, '1')
  if (v6) trySysctl(system, `ipv6/conf/${name}/ndisc_notify`, '1')
  if (v6) enableV6(system, name)
}

function routeGateway(route: Route, result: Result): Uint8Array | undefined {
  if (route.gateway !== undefined) return route.gateway
  const family = familyOf(route.destination.address)
  return result.ips.find((ip) => ip.gateway !== undefined && familyOf(ip.gateway) === family)?.gateway
}

function routeRequests(link: ContainerLink, result: Result) {
  return result.routes.map((route) =>
    addRoute({ ...route, gateway: routeGateway(route, result), link: link.index }),
  )
}

function apply(netlink: Netlink, link: ContainerLink, result: Result, host: boolean): void {
  const addresses = result.ips.map((ip) => addAddress(link.index, ip.address))
  const routes = routeRequests(link, result)
  // The link-local address of a host is the one that its port may send from. By its file in /proc/sys it took a tenth of an ADD:
  // also who only reads that tries again and again for the lock, which the kernel holds while it makes the pair known.
  const requests = [...addresses, setUp(link.name), ...routes]
  if (host) requests.unshift(setLinkLocalFromMac(link.index))
  netlink.exchange(requests).forEach(({ error }, at) => {
    if (error === undefined) return
    const i = host ? at - 1 : at
    if (i < 0 && error.code === 'EAFNOSUPPORT') return
    if (i < 0) throw failure(`failed to set "${link.name}" link-local address`, error)
    const ip = result.ips[i]
    if (ip !== undefined)
      throw failure(`failed to add IP addr ${formatPrefix(ip.address)} to "${link.name}"`, error)
    const route = result.routes[i - addresses.length - 1]
    if (route === undefined) throw failure(`failed to set "${link.name}" UP`, error)
    throw failure(`failed to add route '${formatPrefix(route.destination)} dev ${link.name}'`, error)
  })
}

/** Waits until duplicate address detection is done. */
function settle(system: System, netlink: Netlink, link: ContainerLink): void {
  const deadline = system.now() + SETTLE_TIMEOUT_MS
  for (;;) {
    const addresses = listAddresses(netlink, link.index)
    const duplicate = addresses.find((address) => address.duplicate)
    if (duplicate !== undefined)
      throw failure(
        `link ${link.name} has address ${formatAddress(duplicate.prefix.address)} in DADFAILED state`,
      )
    if (!addresses.some((address) => address.tentative)) return
    if (system.now() > deadline) {
      if (!findLink(netlink, link.name)?.operational) return
      throw failure(
        `link ${link.name} still has tentative addresses after ${SETTLE_TIMEOUT_MS / 1000} seconds`,
      )
    }
    system.sleep(POLL_MS)
  }
}

/** @throws CniError when it is not there any more: somebody took it, or the namespace is being removed */
export function findContainerLink(netlink: Netlink, name: string): ContainerLink {
  const found = netlink.find(name)
  if (found === undefined) throw failure(`interface "${name}" has gone from the container`)
  return { ...found, name }
}

/** Configures the interface `name` in the container as `result` says; returns it. */
export function configureContainer(
  system: System,
  namespace: Namespace,
  name: string,
  result: Result,
  settings: ContainerSettings,
): ContainerLink {
  const v6 = hasV6(result)
  const netlink = namespace.run(() => {
    if (result.ips.length > 0) writeSettings(system, name, settings, v6)
    return new Netlink(system)
  })
  try {
    const link = findContainerLink(netlink, name)
    apply(netlink, link, result, settings.host)
    if (v6 && settings.detection) settle(system, netlink, link)
    return link
  } finally {
    netlink.close()
  }
}
