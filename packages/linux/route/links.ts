/** Network interfaces: list, find, make, change and remove. */
import { hasCode, KernelError } from '../errors.ts'
import type { NetlinkRequest, NetlinkSocket } from '../netlink/socket.ts'
import { NLM_F_CREATE, NLM_F_EXCL, type Writer } from '../netlink/wire.ts'
import {
  type BridgePort,
  type Link,
  type LinkChange,
  type NewLink,
  readBridgePort,
  readLink,
  writeBridgePort,
  writeBridgePortQuery,
  writeLink,
  writeLinkIndex,
  writeLinkQuery,
  writeNewLink,
} from './link-message.ts'
import { RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK } from './rtnetlink.ts'

export type { BridgePort, Link, LinkChange, NewLink } from './link-message.ts'

export class Links {
  readonly #socket: NetlinkSocket

  /** @param socket of NETLINK_ROUTE */
  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError */
  list(): Promise<Link[]> {
    const body = (w: Writer) => writeLinkQuery(w, {})
    const request = { call: 'RTM_GETLINK', type: RTM_GETLINK, flags: 0, body }
    return this.#socket.collect(request, (m) => (m.type === RTM_NEWLINK ? readLink(m) : undefined))
  }

  /** By name or index; undefined when there is none. @throws KernelError */
  async get(which: string | number): Promise<Link | undefined> {
    const query = typeof which === 'number' ? { index: which } : { name: which }
    const body = (w: Writer) => writeLinkQuery(w, query)
    try {
      const replies = await this.#socket.exchange({ call: 'RTM_GETLINK', type: RTM_GETLINK, flags: 0, body })
      const reply = replies.find((message) => message.type === RTM_NEWLINK)
      return reply && readLink(reply)
    } catch (error) {
      if (hasCode(error, 'ENODEV')) return undefined
      throw error
    }
  }

  /** Makes a link and returns it. @throws KernelError EEXIST when the name is taken, EOPNOTSUPP for a kind that the kernel lacks */
  async add(link: NewLink): Promise<Link> {
    await this.#socket.execute({
      call: `RTM_NEWLINK ${link.kind} ${link.name}`,
      type: RTM_NEWLINK,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      body: (w) => writeNewLink(w, link),
    })
    const made = link.netnsFd === undefined ? await this.get(link.name) : undefined
    if (made || link.netnsFd !== undefined) return made ?? movedAway(link)
    throw new KernelError(`RTM_GETLINK ${link.name}`, 19)
  }

  /** @throws KernelError */
  set(index: number, change: LinkChange): Promise<void> {
    return this.#socket.execute({
      call: 'RTM_NEWLINK',
      type: RTM_NEWLINK,
      flags: 0,
      body: (w) => writeLink(w, index, change),
    })
  }

  /** @throws KernelError ENODEV when there is none. The kernel takes 16-20 ms for a veth pair. */
  remove(index: number): Promise<void> {
    return this.#socket.execute({
      call: 'RTM_DELLINK',
      type: RTM_DELLINK,
      flags: 0,
      body: (w) => writeLinkIndex(w, index),
    })
  }

  /** @throws KernelError EINVAL when the link is not a port of a bridge */
  setBridgePort(index: number, port: BridgePort): Promise<void> {
    return this.#socket.execute({
      call: 'RTM_SETLINK',
      type: RTM_SETLINK,
      flags: 0,
      body: (w) => writeBridgePort(w, index, port),
    })
  }

  /** Settings of every bridge port, by link index. @throws KernelError */
  async bridgePorts(): Promise<Map<number, BridgePort>> {
    const request: NetlinkRequest = {
      call: 'RTM_GETLINK',
      type: RTM_GETLINK,
      flags: 0,
      body: writeBridgePortQuery,
    }
    const ports = new Map<number, BridgePort>()
    for (const message of await this.#socket.dump(request)) {
      const port = readBridgePort(message)
      if (port) ports.set(readLink(message).index, port)
    }
    return ports
  }
}

/** A link made in another namespace cannot be read from here: what was asked for, with index 0. */
function movedAway(link: NewLink): Link {
  return {
    index: 0,
    name: link.name,
    kind: link.kind,
    mac: link.mac ?? '',
    mtu: link.mtu ?? 0,
    up: link.up ?? false,
    running: false,
    loopback: false,
    promiscuous: link.promiscuous ?? false,
    master: link.master ?? 0,
    parent: 0,
  }
}
