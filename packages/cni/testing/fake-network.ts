// Network namespaces in memory: links, addresses, routes and settings, with the kernel's rules that the plugins meet.

import { formatMac, type Prefix, sameAddress } from '../protocol/address.ts'
import { FakeSystemError } from './fake-error.ts'
import { FakeNftables } from './fake-nftables.ts'

export interface FakeLink {
  index: number
  name: string
  kind: string
  mac: Uint8Array
  /** Somebody chose the MAC: a bridge's follows its ports otherwise. */
  macChosen: boolean
  mtu: number
  up: boolean
  promiscuous: boolean
  master: FakeLink | undefined
  peer: FakeLink | undefined
  namespace: FakeNamespace
  alias: string
  hairpin: boolean
  isolated: boolean
  vlanFiltering: boolean
  vlans: Map<number, { pvid: boolean; untagged: boolean }>
  addresses: Prefix[]
}

export interface FakeRoute {
  destination: Prefix
  gateway: Uint8Array | undefined
  link: FakeLink
  table: number
  scope: number
  priority: number
}

export class FakeNamespace {
  readonly path: string
  readonly inode: number
  readonly links = new Map<string, FakeLink>()
  readonly routes: FakeRoute[] = []
  readonly settings = new Map<string, string>()
  readonly nftables = new FakeNftables()
  hasNftables = true
  private nextIndex = 1

  constructor(path: string, inode: number) {
    this.path = path
    this.inode = inode
    for (const [name, value] of [
      ['ipv4/ip_forward', '0'],
      ['ipv6/conf/all/forwarding', '0'],
    ] as const)
      this.settings.set(name, value)
    const lo = this.create('lo', '', new Uint8Array(6))
    lo.mtu = 65536
  }

  /** @throws EEXIST */
  create(name: string, kind: string, mac: Uint8Array): FakeLink {
    if (this.links.has(name)) throw new FakeSystemError('EEXIST', name)
    const link: FakeLink = {
      index: this.nextIndex++,
      name,
      kind,
      mac,
      macChosen: false,
      mtu: 1500,
      up: false,
      promiscuous: false,
      master: undefined,
      peer: undefined,
      namespace: this,
      alias: '',
      hairpin: false,
      isolated: false,
      vlanFiltering: false,
      vlans: new Map(),
      addresses: [],
    }
    this.links.set(name, link)
    for (const setting of [
      'accept_ra',
      'accept_dad',
      'enhanced_dad',
      'disable_ipv6',
      'keep_addr_on_down',
      'ndisc_notify',
    ])
      this.settings.set(`ipv6/conf/${name}/${setting}`, setting === 'accept_ra' ? '1' : '0')
    const mode = this.settings.get('ipv6/conf/default/addr_gen_mode') ?? '0'
    this.settings.set(`ipv6/conf/${name}/addr_gen_mode`, mode)
    this.settings.set(`ipv4/conf/${name}/arp_notify`, '0')
    this.settings.set(`ipv4/conf/${name}/route_localnet`, '0')
    return link
  }

  byIndex(index: number): FakeLink | undefined {
    return [...this.links.values()].find((link) => link.index === index)
  }

  /** Ports have come or gone: the bridge takes the lowest MAC of them unless somebody chose its own; none without ports. */
  portsChanged(bridge: FakeLink): void {
    if (bridge.macChosen) return
    const ports = [...this.links.values()].filter((link) => link.master === bridge)
    bridge.mac =
      ports
        .map((port) => port.mac)
        .sort(Buffer.compare)[0]
        ?.slice() ?? new Uint8Array(6)
  }

  delete(link: FakeLink): void {
    this.links.delete(link.name)
    if (link.master !== undefined) this.portsChanged(link.master)
    for (let i = this.routes.length - 1; i >= 0; i--)
      if (this.routes[i]!.link === link) this.routes.splice(i, 1)
    const peer = link.peer
    link.peer = undefined
    if (peer !== undefined) {
      peer.peer = undefined
      peer.namespace.delete(peer)
    }
  }

  setUp(link: FakeLink, up: boolean): void {
    link.up = up
    if (!up) {
      for (let i = this.routes.length - 1; i >= 0; i--)
        if (this.routes[i]!.link === link) this.routes.splice(i, 1)
    } else if (link.name === 'lo') {
      this.addAddressIfMissing(link, { address: Uint8Array.of(127, 0, 0, 1), length: 8 })
      const one = new Uint8Array(16)
      one[15] = 1
      this.addAddressIfMissing(link, { address: one, length: 128 })
    }
  }

  private addAddressIfMissing(link: FakeLink, prefix: Prefix): void {
    if (!link.addresses.some((address) => sameAddress(address.address, prefix.address)))
      link.addresses.push(prefix)
  }

  addAddress(link: FakeLink, prefix: Prefix): void {
    const same = (other: Prefix) =>
      other.length === prefix.length && sameAddress(other.address, prefix.address)
    if (link.addresses.some(same)) throw new FakeSystemError('EEXIST')
    link.addresses.push(prefix)
  }

  removeAddress(link: FakeLink, prefix: Prefix): void {
    const at = link.addresses.findIndex((other) => sameAddress(other.address, prefix.address))
    if (at < 0) throw new FakeSystemError('EADDRNOTAVAIL')
    link.addresses.splice(at, 1)
  }
}

/** All namespaces, and the hardware addresses that the kernel draws. */
export class FakeNetwork {
  readonly host = new FakeNamespace('/proc/self/ns/net', 1)
  readonly containers = new Map<string, FakeNamespace>()
  private nextInode = 2
  private nextMac = 1

  addContainer(path: string): FakeNamespace {
    const namespace = new FakeNamespace(path, this.nextInode++)
    this.containers.set(path, namespace)
    return namespace
  }

  removeContainer(path: string): void {
    const namespace = this.containers.get(path)
    for (const link of [...(namespace?.links.values() ?? [])]) namespace!.delete(link)
    this.containers.delete(path)
  }

  drawMac(): Uint8Array {
    return Uint8Array.of(0x02, 0, 0, 0, this.nextMac >> 8, this.nextMac++ & 255)
  }

  createVeth(
    at: FakeNamespace,
    name: string,
    peerAt: FakeNamespace,
    peerName: string,
    peerMac?: Uint8Array,
  ): FakeLink {
    if (at.links.has(name) || peerAt.links.has(peerName)) throw new FakeSystemError('EEXIST', name)
    const peer = peerAt.create(peerName, 'veth', peerMac ?? this.drawMac())
    const link = at.create(name, 'veth', this.drawMac())
    link.peer = peer
    peer.peer = link
    return link
  }
}

export const macOf = (link: FakeLink) => formatMac(link.mac)
