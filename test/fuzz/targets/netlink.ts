/** What the kernel answers by netlink: a message that is cut or wrong is a WireError, never a fault, and never an endless loop. */
import {
  readCounters,
  readDestination,
  readServer,
  readTimeouts,
  settingsEnd,
} from '@podroute/linux/ipvs/message.ts'
import { keepParts } from '@podroute/linux/netlink/digest.ts'
import { type Message, readDone, readError, readMessages, WireError } from '@podroute/linux/netlink/wire.ts'
import { readAddress } from '@podroute/linux/route/address-message.ts'
import { readBridgePort, readLink } from '@podroute/linux/route/link-message.ts'
import { readRoute } from '@podroute/linux/route/route-message.ts'
import { RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE } from '@podroute/linux/route/rtnetlink.ts'
import { ADDRESSES, DESTINATIONS, LINKS, ROUTES, SERVERS } from '@podroute/linux/testing/vectors.ts'
import { bytesOf, hexOf, mutateBytes, smallerBytes } from '../bytes.ts'
import type { FuzzTarget } from '../engine.ts'
import { answers } from '../fault.ts'

const IPVS = 28
const HEADER = 16

function datagram(type: number, hex: string): Uint8Array {
  const payload = bytesOf(hex)
  const bytes = new Uint8Array(HEADER + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, true)
  view.setUint16(4, type, true)
  bytes.set(payload, HEADER)
  return bytes
}

const READERS: Readonly<Record<number, readonly ((message: Message) => unknown)[]>> = {
  2: [readError],
  3: [readDone],
  [RTM_NEWROUTE]: [readRoute],
  [RTM_NEWADDR]: [readAddress],
  [RTM_NEWLINK]: [readLink, readBridgePort],
  [IPVS]: [
    ...[readServer, readCounters, readTimeouts],
    (message) => readDestination(message, 4),
    (message) => readDestination(message, 6),
  ],
}

function expectWithin(length: number, limit: number): void {
  if (length < 0 || length > limit) throw new RangeError(`${length} bytes kept of ${limit}`)
}

export const NETLINK: FuzzTarget<Uint8Array> = {
  name: 'netlink',
  seeds: [
    ...ROUTES.map(({ hex }) => datagram(RTM_NEWROUTE, hex)),
    ...ADDRESSES.map(({ hex }) => datagram(RTM_NEWADDR, hex)),
    ...LINKS.map(({ hex }) => datagram(RTM_NEWLINK, hex)),
    ...[...SERVERS, ...DESTINATIONS].map(({ hex }) => datagram(IPVS, hex)),
    datagram(2, 'feffffff 140000001a00050000000000 00000000'),
  ],
  parse: bytesOf,
  print: hexOf,
  mutate(bytes, random, others) {
    const changed = mutateBytes(bytes, random, others)
    // Mostly a length that is right: the readers are behind it.
    if (random() < 0.8 && changed.length >= HEADER)
      new DataView(changed.buffer).setUint32(0, changed.length, true)
    return changed
  },
  smaller: smallerBytes,
  run(bytes) {
    let read = false
    answers([WireError], () => {
      for (const message of readMessages(bytes))
        for (const reader of READERS[message.type] ?? [])
          if (answers([WireError], () => reader(message))) read = true
    })
    answers([WireError], () => expectWithin(keepParts(bytes.slice(), 0, settingsEnd).length, bytes.length))
    return read
  },
}
