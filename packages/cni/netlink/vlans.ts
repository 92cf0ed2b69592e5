// VLANs of bridge ports (linux/if_bridge.h).

import type { Netlink } from './netlink.ts'
import {
  attribute,
  attributeList,
  type Bytes,
  bytes,
  getI32,
  getU16,
  group,
  type Request,
  u16,
  u32,
} from './wire.ts'

const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTM_SETLINK = 19
const AF_BRIDGE = 7
const IFLA_AF_SPEC = 26
const IFLA_EXT_MASK = 29
const RTEXT_FILTER_BRVLAN = 2
const IFLA_BRIDGE_FLAGS = 0
const IFLA_BRIDGE_VLAN_INFO = 2
const BRIDGE_FLAGS_MASTER = 1
const VLAN_INFO_PVID = 2
const VLAN_INFO_UNTAGGED = 4
const VLAN_INFO_RANGE_BEGIN = 8
const VLAN_INFO_RANGE_END = 16

/** struct ifinfomsg. */
const header = (index: number): Bytes => bytes(AF_BRIDGE, 0, 0, 0) + u32(index) + u32(0) + u32(0)

/** struct bridge_vlan_info. */
const vlanInfo = (flags: number, vlan: number) => attribute(IFLA_BRIDGE_VLAN_INFO, u16(flags) + u16(vlan))

const ofPort = (type: number, index: number, infos: readonly Bytes[]): Request => ({
  type,
  flags: 0,
  body: header(index) + group(IFLA_AF_SPEC, attribute(IFLA_BRIDGE_FLAGS, u16(BRIDGE_FLAGS_MASTER)), ...infos),
})

/** Runs of consecutive numbers, as their first and last. */
function runsOf(sorted: readonly number[]): [number, number][] {
  const runs: [number, number][] = []
  for (const vlan of sorted) {
    const last = runs.at(-1)
    if (last !== undefined && last[1] === vlan - 1) last[1] = vlan
    else runs.push([vlan, vlan])
  }
  return runs
}

const taggedInfos = (vlans: readonly number[]) =>
  runsOf(vlans).flatMap(([first, last]) =>
    first === last
      ? [vlanInfo(0, first)]
      : [vlanInfo(VLAN_INFO_RANGE_BEGIN, first), vlanInfo(VLAN_INFO_RANGE_END, last)],
  )

/** What the port with that index sends and takes untagged (0: nothing), and tagged. */
export function addVlans(index: number, untagged: number, tagged: readonly number[]): Request {
  const native = untagged === 0 ? [] : [vlanInfo(VLAN_INFO_PVID | VLAN_INFO_UNTAGGED, untagged)]
  return ofPort(RTM_SETLINK, index, [...taggedInfos(tagged), ...native])
}

export const removeVlans = (index: number, vlans: readonly number[]): Request =>
  ofPort(RTM_DELLINK, index, taggedInfos(vlans))

/** The VLANs that the port with that index is in. */
export function listVlans(netlink: Netlink, index: number): number[] {
  const filter = attribute(IFLA_EXT_MASK, u32(RTEXT_FILTER_BRVLAN))
  const messages = netlink.dump({ type: RTM_GETLINK, flags: 0, body: header(0) + filter })
  return messages
    .filter((message) => getI32(message.body, 4) === index)
    .flatMap((message) => attributeList(message.body, 16))
    .flatMap(([type, value]) => (type === IFLA_AF_SPEC ? attributeList(value, 0) : []))
    .flatMap(([type, value]) => (type === IFLA_BRIDGE_VLAN_INFO ? [getU16(value, 2)] : []))
}
