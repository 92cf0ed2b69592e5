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

/** What a transport knows better of a socket that it has made than node does. */
export interface SocketSettings {
  /** Of a connection of ours. */
  readonly options?: ConnectOptions
  /** Both ends of a connected socket. */
  readonly addresses?: (socket: net.Socket) => Ends | undefined
  /** Sets GTSM on an accepted socket. */
  readonly secureTtl?: (socket: net.Socket, hops: number) => void
}

interface Ends {
  readonly local: string
  readonly remote: string
}

const NO_SETTINGS: SocketSettings = {}
const OWNER = Symbol('connection')

interface OwnedSocket extends net.Socket {
  [OWNER]?: SocketConnection
}

/** A net.Socket as the speaker sees it. Also for transports that make their sockets themselves and pass `new net.Socket({fd})`. */
export class SocketConnection implements Connection {
  readonly socket: net.Socket
  readonly #settings: SocketSettings
  /** Both ends, once they are known. */
  #local: string | undefined
  #remote: string | undefined
  #handlers: ConnectionHandlers | undefined
  #error: Error | undefined
  #closed = false

  constructor(socket: net.Socket, settings: SocketSettings = NO_SETTINGS) {
    this.socket = socket
    this.#settings = settings
    socket.setNoDelay(true)
    const owned: OwnedSocket = socket
    owned[OWNER] = this
    socket.on('connect', onConnect)
    socket.on('data', onData)
    socket.on('drain', onDrain)
    socket.on('error', onError)
    socket.on('end', onEnd)
    socket.on('close', onClose)
  }

  /** The listeners below call these. */
  opened(): void {
    this.#handlers?.onConnect()
  }

  received(bytes: Uint8Array): void {
    this.#handlers?.onData(bytes)
  }

  drained(): void {
    this.#handlers?.onDrain()
  }

  failed(error: Error): void {
    this.#error = error
  }

  closed(): void {
    this.#closed = true
    this.#handlers?.onClose(this.#error)
  }

  get localAddress(): string {
    this.#look()
    return this.#local ?? this.#settings.options?.localAddress ?? ''
  }

  get remoteAddress(): string {
    this.#look()
    return this.#remote ?? this.#settings.options?.address ?? ''
  }

  get remotePort(): number {
    return this.socket.remotePort ?? this.#settings.options?.port ?? 0
  }

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    if (this.#closed) handlers.onClose(this.#error)
  }

  secureTtl(hops: number): void {
    this.#settings.secureTtl?.(this.socket, hops)
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

  /** They stay known when the socket is closed. */
  #look(): void {
    if (this.#local !== undefined) return
    const known = (this.#settings.addresses ?? ends)(this.socket)
    this.#local = known?.local
    this.#remote = known?.remote
  }
}

// One listener each for all sockets: there may be thousands.

function onConnect(this: OwnedSocket): void {
  this[OWNER]?.opened()
}

function onData(this: OwnedSocket, bytes: Uint8Array): void {
  this[OWNER]?.received(bytes)
}

function onDrain(this: OwnedSocket): void {
  this[OWNER]?.drained()
}

function onError(this: OwnedSocket, error: Error): void {
  this[OWNER]?.failed(error)
}

function onEnd(this: OwnedSocket): void {
  this.end()
}

function onClose(this: OwnedSocket): void {
  this[OWNER]?.closed()
}

function ends({ localAddress, remoteAddress }: net.Socket): Ends | undefined {
  if (localAddress === undefined || remoteAddress === undefined) return undefined
  return { local: plain(localAddress), remote: plain(remoteAddress) }
}

/** An IPv4 address that arrived on a dual-stack socket, in plain form. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
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
    const connection = new SocketConnection(socket, { options })
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
