/** What the node's own interfaces say: the uplink and its MTU, connected prefixes, who takes router advertisements. */

import { type Cidr, parseCidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Address, Addresses } from '@podroute/linux/route/addresses.ts'
import type { Link, Links } from '@podroute/linux/route/links.ts'
import { SCOPE_UNIVERSE } from '@podroute/linux/route/rtnetlink.ts'
import type { KernelChanges } from '../resources/kernel-changes.ts'
import type { SysctlFiles } from '../resources/sysctls.ts'
import type { PodNetworkSettings } from '../settings.ts'

export interface Interface {
  readonly index: number
  readonly name: string
  readonly mtu: number
  readonly addresses: readonly string[]
}

export interface Surroundings {
  readonly interfaces: readonly Interface[]
  /** Prefixes of the node's interfaces but for the bridge and the loopback. */
  readonly connected: readonly Cidr[]
  /** Every address of the node. */
  readonly addresses: readonly string[]
  /** Interfaces that take IPv6 router advertisements now. */
  readonly acceptRa: readonly string[]
}

export const NOWHERE: Surroundings = { interfaces: [], connected: [], addresses: [], acceptRa: [] }

const DEFAULT_MTU = 1500

/** @throws KernelError */
export async function lookAround(
  links: Pick<Links, 'list'>,
  addresses: Pick<Addresses, 'list'>,
  sysctls: SysctlFiles,
  bridge: string,
): Promise<Surroundings> {
  const [allLinks, allAddresses] = [await links.list(), await addresses.list()]
  return describe(allLinks, allAddresses, bridge, (name) => acceptsRa(sysctls, name))
}

export function describe(
  links: readonly Link[],
  addresses: readonly Address[],
  bridge: string,
  takesRa: (name: string) => boolean,
): Surroundings {
  // Ports of a bridge (the pods) are many and say nothing.
  const outside = links.filter((link) => link.name !== bridge && !link.loopback && link.master === 0)
  const byIndex = new Map(outside.map((link) => [link.index, link]))
  const connected = addresses
    .filter((a) => byIndex.has(a.interfaceIndex))
    .flatMap((a) => parseCidr(`${a.address}/${a.prefixLength}`) ?? [])
  return {
    interfaces: outside.map((link) => ({
      index: link.index,
      name: link.name,
      mtu: link.mtu,
      addresses: addresses.filter((a) => a.interfaceIndex === link.index).map((a) => a.address),
    })),
    connected: [...new Map(connected.map((prefix) => [prefix.text, prefix])).values()],
    addresses: addresses.map((a) => a.address),
    acceptRa: outside.map((link) => link.name).filter(takesRa),
  }
}

export interface SurroundingsWatch {
  current(): Surroundings
  /** Whether an address, with its prefix length, is the bridge's. */
  isOurs(address: string): boolean
  moved(): void
}

/** Calls `moved` when what `lookAround` would say may have changed. */
export function watchSurroundings(
  changes: Pick<KernelChanges, 'subscribe'>,
  { current, isOurs, moved }: SurroundingsWatch,
): Disposable {
  return changes.subscribe({
    onLink: (_change, link) => {
      if (current().interfaces.some((i) => i.index === link.index && i.addresses.length > 0)) moved()
    },
    onAddress: (_change, { scope, address, prefixLength }) => {
      if (scope === SCOPE_UNIVERSE && !isOurs(`${address}/${prefixLength}`)) moved()
    },
    onOverrun: moved,
  })
}

/** MTU of the pods' interfaces: the configured one, or that of the interface with an address of the node; else 1500. */
export function mtuOf(
  local: ClusterNode,
  settings: Pick<PodNetworkSettings, 'mtu'>,
  { interfaces }: Surroundings,
): number {
  const carries = (i: Interface) => local.addresses.some(({ text }) => i.addresses.includes(text))
  return settings.mtu ?? interfaces.find(carries)?.mtu ?? DEFAULT_MTU
}

function acceptsRa(sysctls: SysctlFiles, name: string): boolean {
  return sysctls.read(`net/ipv6/conf/${name}/accept_ra`)?.trim() === '1'
}
