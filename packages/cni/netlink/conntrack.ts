// Deletes flows of connection tracking (nfnetlink_conntrack.h): a UDP flow keeps the translation that it began with.

import { codeOf, type System } from '../system.ts'
import { Netlink } from './netlink.ts'
import { attribute, attributes, type Bytes, bytes, bytesOf, type Request } from './wire.ts'

const NETLINK_NETFILTER = 12
const SUBSYSTEM = 1
const GET = 1
const DELETE = 2
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_PROTO = 2
const CTA_PROTO_NUM = 1
const CTA_PROTO_DST_PORT = 3
const NLA_F_NESTED = 0x8000

const message = (type: number, family: number, body: Bytes = ''): Request => ({
  type: (SUBSYSTEM << 8) | type,
  flags: 0,
  body: bytes(family, 0, 0, 0) + body,
})

const matches = (tuple: Uint8Array, protocol: number, ports: readonly number[]): boolean => {
  const found = attributes(tuple, 0).get(CTA_TUPLE_PROTO)
  if (found === undefined) return false
  const fields = attributes(found, 0)
  const port = fields.get(CTA_PROTO_DST_PORT)
  return (
    fields.get(CTA_PROTO_NUM)?.[0] === protocol &&
    port !== undefined &&
    ports.includes((port[0]! << 8) | port[1]!)
  )
}

/** Deletes the flows of one family and protocol whose original destination is one of the ports. A failure is only reported: without connection tracking there are no flows. */
export function deleteFlows(system: System, family: 4 | 6, protocol: number, ports: readonly number[]): void {
  const af = family === 4 ? 2 : 10
  try {
    const netlink = new Netlink(system, NETLINK_NETFILTER)
    const tuples = netlink
      .dump(message(GET, af))
      .map(({ body }) => attributes(body, 4).get(CTA_TUPLE_ORIG))
      .filter((tuple) => tuple !== undefined && matches(tuple, protocol, ports))
    const requests = tuples.map((tuple) =>
      message(DELETE, af, attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, bytesOf(tuple!))),
    )
    if (requests.length > 0) netlink.exchange(requests)
    netlink.close()
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    system.writeError(`podroute-cni: stale flows stay: ${error}\n`)
  }
}
