/** What the node's own interfaces say: the uplink and its MTU, connected prefixes, who takes router advertisements. */

import { type Cidr, parseCidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { isLeftOver } from '@podroute/kernel/addresses/host-addresses.ts'
import type { SysctlApi } from '@podroute/kernel/kernel.ts'
import type { KernelChanges } from '@podroute/kernel/monitors.ts'
import type { Address, Addresses } from '@podroute/linux/route/addresses.ts'
import type { Link, Links } from '@podroute/linux/route/links.ts'
import { SCOPE_UNIVERSE } from '@podroute/linux/route/rtnetlink.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { PodNetworkSettings } from '../settings.ts'

export interface Interface {
  readonly index: number
  readonly name: string
  readonly mtu: number
  readonly addresses: readonly string[]
}

export interface InterfaceState {
  readonly interfaces: readonly Interface[]
  /** Prefixes of the node's interfaces but for the bridge and the loopback. */
  readonly connected: readonly Cidr[]
  /** Every address of the node. */
  readonly addresses: readonly string[]
  /** Interfaces that take IPv6 router advertisements now. */
  readonly acceptRa: readonly string[]
}

export const EMPTY: InterfaceState = { interfaces: [], connected: [], addresses: [], acceptRa: [] }

export interface HostInterfacesOptions {
  readonly links: Pick<Links, 'list'>
  readonly addresses: Pick<Addresses, 'list'>
  readonly sysctls: Pick<SysctlApi, 'read'>
  readonly changes: Pick<KernelChanges, 'subscribe'>
  readonly clock: Clock
  readonly log: Logger
  /** The pods' bridge, which is none of the node's own. */
  readonly bridge: string
  /** Whether an address, with its prefix length, is the bridge's. */
  isOurs(address: string): boolean
  /** They were read again after something happened to them. */
  changed(): void
}

const DEFAULT_MTU = 1500
/** After a change, in milliseconds: links and addresses come one after the other, and IPv4 routes go with them unannounced. */
const READ_AFTER = 100
const RETRY = 1000

export class HostInterfaces implements Disposable {
  readonly #options: HostInterfacesOptions
  #state = EMPTY
  #subscription: Disposable | undefined
  #timer: Disposable | undefined
  #disposed = false

  constructor(options: HostInterfacesOptions) {
    this.#options = options
  }

  get state(): InterfaceState {
    return this.#state
  }

  /** Reads them, and reads them again whenever they may have changed. @throws KernelError */
  async start(): Promise<void> {
    // Followed first: what changes while they are read is read after it.
    this.#subscription = this.#options.changes.subscribe({
      onLink: (_change, link) => {
        const { interfaces } = this.#state
        if (this.#state === EMPTY || interfaces.some((i) => i.index === link.index && i.addresses.length > 0))
          this.#readAfter(READ_AFTER)
      },
      onAddress: (_change, { scope, address, prefixLength }) => {
        if (scope === SCOPE_UNIVERSE && !this.#options.isOurs(`${address}/${prefixLength}`))
          this.#readAfter(READ_AFTER)
      },
      onOverrun: () => this.#readAfter(READ_AFTER),
    })
    await this.#read()
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#subscription?.[Symbol.dispose]()
    this.#timer?.[Symbol.dispose]()
  }

  #readAfter(milliseconds: number): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = this.#options.clock.after(milliseconds, () => void this.#readAgain())
  }

  async #readAgain(): Promise<void> {
    try {
      await this.#read()
      if (!this.#disposed) this.#options.changed()
    } catch (error) {
      this.#options.log.warn('the interfaces of the node cannot be read', { error: (error as Error).message })
      if (!this.#disposed) this.#readAfter(RETRY)
    }
  }

  async #read(): Promise<void> {
    const { links, addresses, sysctls, bridge } = this.#options
    const [allLinks, allAddresses] = [await links.list(), await addresses.list()]
    this.#state = interfaceState(allLinks, allAddresses, bridge, (name) => acceptsRa(sysctls, name))
  }
}

export function interfaceState(
  links: readonly Link[],
  addresses: readonly Address[],
  bridge: string,
  takesRa: (name: string) => boolean,
): InterfaceState {
  // Ports of a bridge (the pods) are many and say nothing; left-overs hold addresses of Services.
  const leftOvers = new Set(links.filter(isLeftOver).map(({ index }) => index))
  const outside = links.filter(
    (link) => link.name !== bridge && !link.loopback && link.master === 0 && !leftOvers.has(link.index),
  )
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
    addresses: addresses.filter((a) => !leftOvers.has(a.interfaceIndex)).map((a) => a.address),
    acceptRa: outside.map((link) => link.name).filter(takesRa),
  }
}

/** MTU of the pods' interfaces: the configured one, or that of the interface with an address of the node; else 1500. */
export function mtuOf(
  local: ClusterNode,
  settings: Pick<PodNetworkSettings, 'mtu'>,
  { interfaces }: Pick<InterfaceState, 'interfaces'>,
): number {
  const carries = (i: Interface) => local.addresses.some(({ text }) => i.addresses.includes(text))
  return settings.mtu ?? interfaces.find(carries)?.mtu ?? DEFAULT_MTU
}

function acceptsRa(sysctls: Pick<SysctlApi, 'read'>, name: string): boolean {
  return sysctls.read(`net/ipv6/conf/${name}/accept_ra`)?.trim() === '1'
}
