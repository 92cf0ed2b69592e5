// The fake kernel's VLANs of bridge ports.

import {
  attribute,
  attributeList,
  type Bytes,
  bytes,
  getI32,
  getU16,
  group,
  type Message,
  u16,
  u32,
} from '../netlink/wire.ts'
import { FakeSystemError } from './fake-error.ts'
import type { FakeLink, FakeNamespace } from './fake-network.ts'

const AF_BRIDGE = 7
const [PVID, UNTAGGED, RANGE_BEGIN, RANGE_END] = [2, 4, 8, 16] as const

export const isOfBridge = (message: Message) => message.body[0] === AF_BRIDGE

/** The numbers and flags that a request names, ranges spelled out. */
function namedVlans(message: Message): [number, number][] {
  const specification = attributeList(message.body, 16).find(([type]) => type === 26)![1]
  const named: [number, number][] = []
  let begin = 0
  for (const [type, value] of attributeList(specification, 0)) {
    if (type !== 2) continue
    const [flags, vlan] = [getU16(value, 0), getU16(value, 2)]
    if (flags & RANGE_BEGIN) begin = vlan
    else if (flags & RANGE_END) for (let i = begin; i <= vlan; i++) named.push([i, 0])
    else named.push([vlan, flags])
  }
  return named
}

/** RTM_SETLINK and RTM_DELLINK of the bridge family. */
export function changeVlans(namespace: FakeNamespace, message: Message, add: boolean): void {
  const port = namespace.byIndex(getI32(message.body, 4))
  if (port?.master === undefined) throw new FakeSystemError('EINVAL')
  for (const [vlan, flags] of namedVlans(message))
    if (!add) port.vlans.delete(vlan)
    else port.vlans.set(vlan, { pvid: (flags & PVID) !== 0, untagged: (flags & UNTAGGED) !== 0 })
}

/** The body of a port's message in a dump of the bridge family. */
export function encodeVlans(link: FakeLink): Bytes {
  const infos = [...link.vlans].map(([vlan, { pvid, untagged }]) =>
    attribute(2, u16((pvid ? PVID : 0) | (untagged ? UNTAGGED : 0)) + u16(vlan)),
  )
  return bytes(AF_BRIDGE, 0) + u16(1) + u32(link.index) + u32(0) + u32(0) + group(26, ...infos)
}
