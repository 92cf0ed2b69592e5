/** What /proc/net/tcp and its like say of sockets that wait for clients. Pure. */

/** `tcp 8080` */
export type BoundPort = `${'tcp' | 'udp'} ${number}`

/** TCP_LISTEN, and TCP_CLOSE for a datagram socket without a peer (include/net/tcp_states.h). */
const WAITING = { tcp: '0A', udp: '07' } as const

/** Lines of `sl local_address rem_address st …`, the port in hex behind the last colon. */
export function readSockets(protocol: 'tcp' | 'udp', text: string): BoundPort[] {
  const ports: BoundPort[] = []
  for (const line of text.split('\n')) {
    const [, port, state] =
      /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line) ?? []
    if (port !== undefined && state === WAITING[protocol])
      ports.push(`${protocol} ${Number.parseInt(port, 16)}`)
  }
  return ports
}
