// The fake kernel's side of rtnetlink: decodes requests, changes namespaces, encodes replies.

import { NetlinkError } from '../netlink/netlink.ts'
import {
  attribute,
  attributes,
  type Bytes,
  bytes,
  bytesOf,
  cString,
  decode,
  getI32,
  getString,
  getU32,
  group,
  HEADER_LENGTH,
  type Message,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  u16,
  u32,
} from '../netlink/wire.ts'
import { contains, sameAddress } from '../protocol/address.ts'
import { ERRNO, FakeSystemError } from './fake-error.ts'
import type { FakeLink, FakeNamespace, FakeNetwork } from './fake-network.ts'
import { changeVlans, encodeVlans, isOfBridge } from './fake-vlans.ts'

/** The namespace of an open descriptor. */
export type NamespaceOf = (descriptor: number) => FakeNamespace

function encodeReply(type: number, sequence: number, body: Bytes): Uint8Array {
  const header = u32(HEADER_LENGTH + body.length) + u16(type) + u16(0) + u32(sequence) + u32(0)
  return Uint8Array.from(header + body, (c) => c.charCodeAt(0))
}

function acknowledge(message: Message, code: string | undefined): Uint8Array {
  const errno = code === undefined ? 0 : -(ERRNO[code] ?? 22)
  return encodeReply(2, message.sequence, u32(errno) + '\0'.repeat(16))
}

function encodeLink(link: FakeLink): Bytes {
  const carrier = link.peer === undefined ? link.up : link.up && link.peer.up
  return [
    u16(0) + u16(1) + u32(link.index) + u32(link.up ? 1 : 0) + u32(0),
    attribute(3, cString(link.name)),
    attribute(1, bytesOf(link.mac)),
    attribute(4, u32(link.mtu)),
    attribute(16, bytes(carrier ? 6 : 2)),
    attribute(30, u32(link.promiscuous ? 1 : 0)),
    link.master === undefined ? '' : attribute(10, u32(link.master.index)),
    link.peer === undefined ? '' : attribute(5, u32(link.peer.index)),
    link.alias === '' ? '' : attribute(20, cString(link.alias)),
    link.kind === '' ? '' : group(18, attribute(1, cString(link.kind))),
  ].join('')
}

function findByHeader(namespace: FakeNamespace, message: Message): FakeLink {
  const name = attributes(message.body, 16).get(3)
  const index = getI32(message.body, 4)
  const link =
    index > 0 ? namespace.byIndex(index) : namespace.links.get(name === undefined ? '' : getString(name))
  if (link === undefined) throw new FakeSystemError('ENODEV')
  return link
}

function create(
  network: FakeNetwork,
  namespace: FakeNamespace,
  message: Message,
  descriptors: NamespaceOf,
): FakeLink {
  const found = attributes(message.body, 16)
  const information = attributes(found.get(18)!, 0)
  const name = getString(found.get(3)!)
  const kind = getString(information.get(1)!)
  if (kind === 'bridge') {
    const link = namespace.create(name, kind, network.drawMac())
    const data = information.get(2)
    link.vlanFiltering = data !== undefined && attributes(data, 0).get(7)?.[0] === 1
    return link
  }
  const peer = attributes(attributes(information.get(2)!, 0).get(1)!, 16)
  const peerNamespace = peer.has(28) ? descriptors(getU32(peer.get(28)!, 0)) : namespace
  const link = network.createVeth(
    namespace,
    name,
    peerNamespace,
    getString(peer.get(3)!),
    peer.get(1)?.slice(),
  )
  const mtu = peer.get(4)
  if (mtu !== undefined) link.peer!.mtu = getU32(mtu, 0)
  return link
}

function join(namespace: FakeNamespace, link: FakeLink, master: number): void {
  link.master = namespace.byIndex(master)
  if (link.master === undefined) throw new FakeSystemError('EINVAL')
  if (link.master.kind !== 'bridge') throw new FakeSystemError('EOPNOTSUPP')
  link.vlans.set(1, { pvid: true, untagged: true })
  namespace.portsChanged(link.master)
}

function setPort(link: FakeLink, information: Uint8Array): void {
  const data = attributes(information, 0).get(5)
  if (data === undefined) return
  if (link.master === undefined) throw new FakeSystemError('EINVAL')
  const port = attributes(data, 0)
  link.hairpin = port.get(4)?.[0] === 1
  link.isolated = port.get(33)?.[0] === 1
}

function setFamilies(namespace: FakeNamespace, link: FakeLink, families: Uint8Array): void {
  const mode = attributes(attributes(families, 0).get(10)!, 0).get(8)![0]!
  namespace.settings.set(`ipv6/conf/${link.name}/addr_gen_mode`, `${mode}`)
}

function change(namespace: FakeNamespace, link: FakeLink, message: Message): void {
  const found = attributes(message.body, 16)
  const [flags, mask] = [getU32(message.body, 8), getU32(message.body, 12)]
  const [mac, mtu, master, alias, information, families] = [1, 4, 10, 20, 18, 26].map((type) =>
    found.get(type),
  )
  if (mac !== undefined) Object.assign(link, { mac: mac.slice(), macChosen: true })
  if (mtu !== undefined) link.mtu = getU32(mtu, 0)
  if (master !== undefined) join(namespace, link, getU32(master, 0))
  if (alias !== undefined) link.alias = getString(alias)
  if (information !== undefined) setPort(link, information)
  if (families !== undefined) setFamilies(namespace, link, families)
  if (mask & 0x100) link.promiscuous = (flags & 0x100) !== 0
  if (mask & 1) namespace.setUp(link, (flags & 1) !== 0)
}

function newLink(
  network: FakeNetwork,
  namespace: FakeNamespace,
  message: Message,
  descriptors: NamespaceOf,
): void {
  const index = getI32(message.body, 4)
  const name = getString(attributes(message.body, 16).get(3) ?? new Uint8Array(0))
  const existing = index > 0 ? namespace.byIndex(index) : namespace.links.get(name)
  if (existing === undefined && (message.flags & NLM_F_CREATE) === 0) throw new FakeSystemError('ENODEV')
  if (existing !== undefined && (message.flags & NLM_F_EXCL) !== 0) throw new FakeSystemError('EEXIST')
  if (existing !== undefined) change(namespace, existing, message)
  else {
    const link = create(network, namespace, message, descriptors)
    try {
      change(namespace, link, message)
    } catch (error) {
      namespace.delete(link)
      throw error
    }
  }
}

const prefixOf = (message: Message) => ({
  address: attributes(message.body, 8).get(2)!.slice(),
  length: message.body[1]!,
})

function linkOf(namespace: FakeNamespace, index: number): FakeLink {
  const link = namespace.byIndex(index)
  if (link === undefined) throw new FakeSystemError('ENODEV')
  return link
}

function addRoute(namespace: FakeNamespace, message: Message): void {
  const found = attributes(message.body, 12)
  const size = message.body[0] === 2 ? 4 : 16
  const number = (type: number) => (found.has(type) ? getU32(found.get(type)!, 0) : 0)
  const link = linkOf(namespace, number(4))
  const gateway = found.get(5)?.slice()
  if (!link.up) throw new FakeSystemError('ENETUNREACH')
  const destination = { address: (found.get(1) ?? new Uint8Array(size)).slice(), length: message.body[1]! }
  const same = namespace.routes.filter(
    (route) =>
      route.destination.length === destination.length &&
      sameAddress(route.destination.address, destination.address) &&
      route.priority === number(6) &&
      route.table === number(15),
  )
  const exclusive = (message.flags & NLM_F_EXCL) !== 0
  if (same.some((route) => exclusive || `${route.gateway}` === `${gateway}`))
    throw new FakeSystemError('EEXIST')
  namespace.routes.push({
    destination,
    gateway,
    link,
    table: number(15),
    scope: message.body[6]!,
    priority: number(6),
  })
}

function dump(namespace: FakeNamespace, message: Message): Uint8Array[] {
  const item = (type: number, body: Bytes) => encodeReply(type, message.sequence, body)
  switch (message.type) {
    case 18:
      if (isOfBridge(message))
        return [...namespace.links.values()]
          .filter((link) => link.master !== undefined)
          .map((link) => item(16, encodeVlans(link)))
      return [...namespace.links.values()].map((link) => item(16, encodeLink(link)))
    case 22:
      return linkOf(namespace, getU32(message.body, 4)).addresses.map((prefix) => {
        const address = bytesOf(prefix.address)
        const family = address.length === 4 ? 2 : 10
        const header = bytes(family, prefix.length, 0, 0) + bytesOf(message.body.subarray(4, 8))
        return item(20, header + attribute(1, address) + attribute(2, address))
      })
    case 26:
      return namespace.routes
        .filter((route) => (route.destination.address.length === 4 ? 2 : 10) === message.body[0])
        .map((route) =>
          item(
            24,
            bytes(message.body[0]!, route.destination.length, 0, 0, route.table, 3, route.scope, 1) +
              u32(0) +
              (route.destination.length === 0 ? '' : attribute(1, bytesOf(route.destination.address))) +
              (route.gateway === undefined ? '' : attribute(5, bytesOf(route.gateway))) +
              attribute(4, u32(route.link.index)) +
              attribute(15, u32(route.table)),
          ),
        )
    // No neighbour is known.
    case 29:
      throw new FakeSystemError('ENOENT')
    default:
      throw new FakeSystemError('EOPNOTSUPP')
  }
}

/** The route to an address: the link that has its prefix. */
function routeTo(namespace: FakeNamespace, address: Uint8Array): Bytes {
  const link = [...namespace.links.values()].find((l) =>
    l.addresses.some((prefix) => contains(prefix, address)),
  )
  if (link === undefined) throw new FakeSystemError('ENETUNREACH')
  return '\0'.repeat(12) + attribute(4, u32(link.index))
}

function perform(
  network: FakeNetwork,
  namespace: FakeNamespace,
  message: Message,
  descriptors: NamespaceOf,
): Uint8Array[] {
  switch (message.type) {
    case 16:
      newLink(network, namespace, message, descriptors)
      return []
    case 19:
      changeVlans(namespace, message, true)
      return []
    case 17:
      if (isOfBridge(message)) {
        changeVlans(namespace, message, false)
        return []
      }
      namespace.delete(findByHeader(namespace, message))
      return []
    case 26:
      return [encodeReply(24, message.sequence, routeTo(namespace, attributes(message.body, 12).get(1)!))]
    case 18:
      return [encodeReply(16, message.sequence, encodeLink(findByHeader(namespace, message)))]
    case 20:
      namespace.addAddress(linkOf(namespace, getU32(message.body, 4)), prefixOf(message))
      return []
    case 21:
      namespace.removeAddress(linkOf(namespace, getU32(message.body, 4)), prefixOf(message))
      return []
    case 24:
      addRoute(namespace, message)
      return []
    default:
      throw new FakeSystemError('EOPNOTSUPP')
  }
}

/** The datagrams that answer one send. */
export function answer(
  network: FakeNetwork,
  namespace: FakeNamespace,
  datagram: Uint8Array,
  descriptors: NamespaceOf,
): Uint8Array[] {
  return decode(datagram).flatMap((message) => {
    try {
      if ((message.flags & NLM_F_DUMP) === NLM_F_DUMP)
        return [...dump(namespace, message), encodeReply(3, message.sequence, u32(0))]
      const answers = perform(network, namespace, message, descriptors)
      return message.flags & NLM_F_ACK ? [...answers, acknowledge(message, undefined)] : answers
    } catch (error) {
      if (error instanceof FakeSystemError || error instanceof NetlinkError)
        return [acknowledge(message, error.code)]
      throw error
    }
  })
}
