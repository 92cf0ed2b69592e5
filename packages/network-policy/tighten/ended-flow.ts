/** A flow that policies do not allow any more, as the table of network policy knows it. Pure. */
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { Flow, FlowProtocol } from '@podroute/linux/conntrack.ts'
import { endedSet } from '../kernel/table.ts'

/** As numbers: names depend on the /etc/protocols at hand. */
const PROTOCOL_NUMBERS: Readonly<Record<FlowProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 }

/** The client itself and the endpoint, as policies see them. */
export interface FlowEnds {
  readonly source: string
  readonly destination: string
  readonly protocol: FlowProtocol
  readonly port: number
}

export function endsOf({ original, reply, protocol }: Flow): FlowEnds {
  return { source: original.source, destination: reply.source, protocol, port: reply.sourcePort }
}

export function flowKey({ original, reply, protocol }: Flow): string {
  const { source, sourcePort, destination, destinationPort } = original
  return `${protocol} ${source} ${sourcePort} ${destination} ${destinationPort} ${reply.source} ${reply.sourcePort}`
}

/** Of the set of protocols. */
export function protocolElement({ protocol }: Flow): string {
  return String(PROTOCOL_NUMBERS[protocol])
}

/**
 * What its packets look like, of whichever end: to the endpoint, from it, and from the Service's address, as which IPVS sends replies. When
 * connection tracking has forgotten the flow, each of them begins a new one.
 */
export function endedElements(flow: Flow): SetElement[] {
  const { original, reply, protocol, family } = flow
  const [client, server] = [
    `${original.source} . ${original.sourcePort}`,
    `${reply.source} . ${reply.sourcePort}`,
  ]
  const service = `${original.destination} . ${original.destinationPort}`
  const pairs = new Set([`${client} . ${server}`, `${server} . ${client}`, `${service} . ${client}`])
  return [...pairs].map((pair) => ({
    set: endedSet(family),
    element: `${pair} . ${PROTOCOL_NUMBERS[protocol]}`,
  }))
}
