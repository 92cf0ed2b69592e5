// The interface to BFD's sockets, which tests replace by a fake network.

export interface ReceiveAddress {
  readonly local: string
  readonly port: number
}

export interface TransmitAddress {
  readonly local: string
  readonly sourcePort: number
  readonly peer: string
  readonly port: number
}

export interface TransmitSocket {
  send(bytes: Uint8Array): void
  close(): void
}

export interface Sockets {
  /**
   * Receives the datagrams for an address. `source` is the sender's address in canonical text, with the zone of a link-local one.
   * @throws when it cannot be bound
   */
  receive(
    address: ReceiveAddress,
    onDatagram: (bytes: Uint8Array, source: string) => void,
  ): Promise<{ close(): void }>
  /**
   * Sends with TTL 255 (RFC 5881 section 5). `onError` reports datagrams that were not sent.
   * @throws when it cannot be bound; its `code` is EADDRINUSE when the source port is taken
   */
  transmit(address: TransmitAddress, onError: (error: Error) => void): Promise<TransmitSocket>
}

/** A request for a socket with options that node:dgram cannot set. */
export type SocketRequest =
  | ({ readonly role: 'receive' } & ReceiveAddress)
  | ({ readonly role: 'transmit' } & TransmitAddress)

/**
 * Opens and binds a UDP socket and returns its file descriptor, which BFD closes. A `receive` socket must drop datagrams
 * without TTL (hop limit) 255 (RFC 5881 section 5; IP_MINTTL does nothing for UDP, a socket filter does: see `ttlFilter`).
 * A `transmit` socket is bound to the source port and sends with TTL (hop limit) 255; BFD connects it. Called on the main thread.
 * @throws whatever keeps it from binding; with `code` EADDRINUSE another source port is tried
 */
export type OpenSocket = (request: SocketRequest) => number

/**
 * A classic BPF program for SO_ATTACH_FILTER on a UDP socket that passes only TTL or hop limit 255: an array of
 * `struct sock_filter` (linux/filter.h) in the machine's byte order.
 */
export function ttlFilter(family: 4 | 6): Uint8Array {
  // SKF_NET_OFF makes the offset count from the network header.
  const ttl = 0xfff00000 + (family === 4 ? 8 : 7)
  const instructions: readonly (readonly [code: number, whenTrue: number, whenFalse: number, k: number])[] = [
    [0x30, 0, 0, ttl], // ldb [k]
    [0x15, 0, 1, 255], // jeq #k
    [0x06, 0, 0, 0xffffffff], // ret: all of it
    [0x06, 0, 0, 0], // ret: drop
  ]
  const bytes = new Uint8Array(instructions.length * 8)
  const view = new DataView(bytes.buffer)
  instructions.forEach(([code, whenTrue, whenFalse, k], i) => {
    view.setUint16(i * 8, code, LITTLE_ENDIAN)
    bytes[i * 8 + 2] = whenTrue
    bytes[i * 8 + 3] = whenFalse
    view.setUint32(i * 8 + 4, k, LITTLE_ENDIAN)
  })
  return bytes
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
