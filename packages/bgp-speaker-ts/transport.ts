// The interface to TCP: the caller can bring sockets on which TCP-MD5 and GTSM are set.

export interface ConnectOptions {
  /** Link-local addresses carry their interface: `fe80::1%eth0` (RFC 4007 section 11). */
  readonly address: string
  readonly port: number
  readonly localAddress?: string
  /** TCP-MD5 key (RFC 2385). */
  readonly password?: string
  /** GTSM (RFC 5082): drop what arrives with a TTL of less than 256 - hops. A transport that supports it always sends with TTL 255. */
  readonly ttlSecurityHops?: number
  /** TTL (hop limit) of what is sent; 255 when absent. */
  readonly ttl?: number
}

export interface ListenOptions {
  /** All addresses of both families when absent. */
  readonly address?: string
  readonly port: number
}

/** Events of a connection. `onClose` comes exactly once, also after an error, and no event follows it. */
export interface ConnectionHandlers {
  onConnect(): void
  onData(bytes: Uint8Array): void
  /** All bytes written so far were sent; called only after `write` returned false. */
  onDrain(): void
  onClose(error: Error | undefined): void
}

export interface Connection {
  /** Addresses in canonical text, link-local ones with their interface. */
  readonly localAddress: string
  readonly remoteAddress: string
  readonly remotePort: number
  /** Absent: not known. */
  readonly localPort?: number | undefined
  handle(handlers: ConnectionHandlers): void
  /** Sets GTSM on an accepted connection; called only when the transport supports it. Returns false when the connection itself has come from further away. */
  secureTtl(hops: number): boolean
  /** Sets the TTL (hop limit) of what is sent from now on; called only when the transport supports it. */
  setTtl(ttl: number): void
  /** Changes, sets or removes the TCP-MD5 key of a connection that may be established. Returns false when that cannot be done: a new connection is needed. */
  setPassword(password: string | undefined): boolean
  /** Queues the bytes, which must not change afterwards. Returns false when the caller should wait for `onDrain`. */
  write(bytes: Uint8Array): boolean
  /** Bytes accepted by `write` that the kernel has not taken yet. */
  pendingBytes(): number
  /** From now on fewer bytes than this may wait at this end without `onData`, until `take` or the connection's end (SO_RCVLOWAT). Returns false when that cannot be done. */
  setLowWater(bytes: number): boolean
  /** Takes what waits below the low water mark, as far as the buffer has room; returns how many bytes these are. Called only after `setLowWater` returned true. */
  take(buffer: Uint8Array): number
  /** Milliseconds since the last bytes arrived, taken or not; called only after `setLowWater` returned true. */
  quietFor(): number
  /** Sends what is queued, then closes. */
  end(): void
  destroy(): void
}

export interface Listener {
  readonly address: string
  readonly port: number
  /** Sets or removes the TCP-MD5 key that connections from `remote` (an address or CIDR) must have. */
  setPassword(remote: string, password: string | undefined): void
  close(): Promise<void>
}

export interface Transport {
  /** The socket options that this transport can set; a peer that needs another is refused when it is added. */
  readonly supports: { readonly password: boolean; readonly ttlSecurity: boolean }
  /** Starts to connect; `onConnect` or `onClose` follows. */
  connect(options: ConnectOptions, handlers: ConnectionHandlers): Connection
  /** Resolves when the socket listens. @throws when it cannot be bound. */
  listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Listener>
}
