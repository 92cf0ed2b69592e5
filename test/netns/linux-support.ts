/** Network namespaces for the tests of packages/linux. */

import { NETLINK_ROUTE, NetlinkSocket } from '@podroute/linux/netlink/socket.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { Addresses, IFA_F_NODAD } from '@podroute/linux/route/addresses.ts'
import { Links } from '@podroute/linux/route/links.ts'
import { Routes } from '@podroute/linux/route/routes.ts'

/** A fresh namespace with its loopback up; `using` removes it. Its name has this process's number, as files that share a fixture run at the same time. */
export class TestNetns implements Disposable {
  readonly name: string
  readonly path: string
  readonly socket: NetlinkSocket
  readonly links: Links
  readonly addresses: Addresses
  readonly routes: Routes

  private constructor(name: string) {
    this.name = `pr-${process.pid}-${name}`
    removeNetns(this.name)
    this.path = createNetns(this.name)
    this.socket = NetlinkSocket.open(NETLINK_ROUTE, { netns: this.path })
    this.links = new Links(this.socket)
    this.addresses = new Addresses(this.socket)
    this.routes = new Routes(this.socket)
  }

  static async create(name: string): Promise<TestNetns> {
    const netns = new TestNetns(name)
    await netns.links.set(1, { up: true })
    return netns
  }

  /** A veth pair `name` and `name-p`, both up, with addresses on the first; returns its index. */
  async veth(name: string, ...addresses: readonly string[]): Promise<number> {
    const link = await this.links.add({ kind: 'veth', name, up: true, peer: { name: `${name}-p` } })
    await this.links.set(link.parent, { up: true })
    for (const address of addresses) await this.address(link.index, address)
    return link.index
  }

  async address(interfaceIndex: number, cidr: string): Promise<void> {
    const [address = '', length] = cidr.split('/')
    const family = address.includes(':') ? 6 : 4
    const flags = family === 6 ? { flags: IFA_F_NODAD } : {}
    await this.addresses.add({
      interfaceIndex,
      family,
      address,
      prefixLength: Number(length),
      scope: 0,
      ...flags,
    })
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]()
    removeNetns(this.name)
  }
}

/** Resolves as soon as `condition` is true; rejects after `limit` ms. */
export async function eventually(condition: () => boolean, limit = 5000): Promise<void> {
  const end = performance.now() + limit
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${limit} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** How often the event loop came round while `work` went on: 0 or 1 when it blocked. */
export async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let done = false
  work.finally(() => (done = true)).catch(() => {})
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve))
    turns++
  }
  return turns
}
