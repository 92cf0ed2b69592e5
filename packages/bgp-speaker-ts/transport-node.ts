// The transport over node:net: plain TCP, no socket options of BGP's own.
import net from 'node:net'
import type {
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Listener,
  ListenOptions,
  Transport,
} from './transport.ts'

/** A net.Socket as the speaker sees it. Also for transports that make their sockets themselves and pass `new net.Socket({fd})`. */
export class SocketConnection implements Connection {
  readonly socket: net.Socket
  readonly #options: ConnectOptions | undefined
  #handlers: ConnectionHandlers | undefined
  #error: Error | undefined
  #closed = false

  readonly #secureTtl: ((hops: number) => void) | undefined

  /** `secureTtl` sets GTSM on an accepted socket, for transports that can. */
  constructor(socket: net.Socket, options?: ConnectOptions, secureTtl?: (hops: number) => void) {
    this.socket = socket
    this.#secureTtl = secureTtl
    this.#options = options
    socket.setNoDelay(true)
    socket.on('connect', () => this.#handlers?.onConnect())
    socket.on('data', (bytes: Uint8Array) => this.#handlers?.onData(bytes))
    socket.on('drain', () => this.#handlers?.onDrain())
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      this.#closed = true
      this.#handlers?.onClose(this.#error)
    })
  }

  get localAddress(): string {
    return plain(this.socket.localAddress ?? this.#options?.localAddress ?? '')
  }

  get remoteAddress(): string {
    return plain(this.socket.remoteAddress ?? this.#options?.address ?? '')
  }

  get remotePort(): number {
    return this.socket.remotePort ?? this.#options?.port ?? 0
  }

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    if (this.#closed) handlers.onClose(this.#error)
  }

  secureTtl(hops: number): void {
    this.#secureTtl?.(hops)
  }

  write(bytes: Uint8Array): boolean {
    return this.#closed || this.socket.write(bytes)
  }

  pendingBytes(): number {
    return this.socket.writableLength
  }

  end(): void {
    this.socket.end()
    // What the peer still sends is not of interest, but it must be read for its FIN to be seen.
    this.socket.resume()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** An IPv4 address that arrived on a dual-stack socket, and a link-local one's zone, in plain form. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
}

export const nodeTransport: Transport = {
  supports: { password: false, ttlSecurity: false },

  connect(options: ConnectOptions, handlers: ConnectionHandlers): Connection {
    const { address, port, localAddress } = options
    const socket = net.connect({
      host: address,
      port,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    const connection = new SocketConnection(socket, options)
    connection.handle(handlers)
    return connection
  },

  listen({ address, port }: ListenOptions, accept: (connection: Connection) => void): Promise<Listener> {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => accept(new SocketConnection(socket)))
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, backlog: 4096, ...(address === undefined ? {} : { host: address }) }, () => {
        server.off('error', reject)
        server.on('error', () => {})
        resolve(serverListener(server))
      })
    })
  },
}

function serverListener(server: net.Server): Listener {
  const bound = server.address() as net.AddressInfo
  return {
    address: bound.address,
    port: bound.port,
    setPassword() {},
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
