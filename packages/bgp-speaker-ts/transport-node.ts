// The transport over node:net: plain TCP, without TCP-MD5 and GTSM.
import net from 'node:net'
import { withoutMapping } from './address.ts'
import type {
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Listener,
  ListenOptions,
  Transport,
} from './transport.ts'

/** What a transport that makes its own sockets knows of one and node:net does not. */
export interface SocketSettings {
  /** Address that we connect to. */
  readonly options?: ConnectOptions
  /** Both ends of a connected socket. */
  readonly addresses?: (socket: net.Socket) => Ends | undefined
  /** Sets GTSM on an accepted socket; false: it has come from further away. */
  readonly secureTtl?: (socket: net.Socket, hops: number) => boolean
  readonly setTtl?: (socket: net.Socket, ttl: number) => void
  /** Sets, changes or removes the TCP-MD5 key; false: that cannot be done any more. */
  readonly setPassword?: (socket: net.Socket, remote: string, password: string | undefined) => boolean
  /** Sends past the socket's queue, which is empty; returns how many of the bytes the kernel has taken. */
  readonly send?: (socket: net.Socket, bytes: Uint8Array) => number
  readonly lowWater?: LowWater
}

/** What `Connection` says of the low water mark. */
interface LowWater {
  readonly set: (socket: net.Socket, bytes: number) => boolean
  readonly take: (socket: net.Socket, buffer: Uint8Array) => number
  readonly quietFor: (socket: net.Socket) => number
}

interface Ends {
  readonly local: string
  readonly remote: string
}

const NO_SETTINGS: SocketSettings = {}
const OWNER = Symbol('connection')
const discarded = new Uint8Array(4096)

interface OwnedSocket extends net.Socket {
  [OWNER]?: SocketConnection
}

/** A net.Socket as a Connection. Transports that make their own sockets pass `new net.Socket({fd})`. */
export class SocketConnection implements Connection {
  readonly socket: net.Socket
  readonly #settings: SocketSettings
  /** Both ends, once they are known. */
  #local: string | undefined
  #remote: string | undefined
  #handlers: ConnectionHandlers | undefined
  #error: Error | undefined
  #closed = false
  /** Bytes may wait below the low water mark. */
  #waits = false

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

  get localPort(): number | undefined {
    return this.socket.localPort
  }

  get remotePort(): number {
    return this.socket.remotePort ?? this.#settings.options?.port ?? 0
  }

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    if (this.#closed) handlers.onClose(this.#error)
  }

  secureTtl(hops: number): boolean {
    return this.#settings.secureTtl?.(this.socket, hops) ?? true
  }

  setTtl(ttl: number): void {
    this.#settings.setTtl?.(this.socket, ttl)
  }

  setPassword(password: string | undefined): boolean {
    return this.#settings.setPassword?.(this.socket, this.remoteAddress, password) ?? false
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed) return true
    const { socket } = this
    const { send } = this.#settings
    const sent = send !== undefined && socket.writableLength === 0 ? send(socket, bytes) : 0
    if (sent === bytes.length) return true
    return socket.write(sent === 0 ? bytes : bytes.subarray(sent))
  }

  pendingBytes(): number {
    return this.socket.writableLength
  }

  setLowWater(bytes: number): boolean {
    this.#waits = bytes > 1
    return this.#settings.lowWater?.set(this.socket, bytes) ?? false
  }

  take(buffer: Uint8Array): number {
    // What node has read already comes before what the kernel has.
    if (this.#closed || this.socket.readableLength > 0) return 0
    return this.#settings.lowWater?.take(this.socket, buffer) ?? 0
  }

  quietFor(): number {
    return this.#settings.lowWater?.quietFor(this.socket) ?? 0
  }

  end(): void {
    if (this.#waits) this.setLowWater(1)
    this.socket.end()
    // Bytes that still arrive are discarded, but they must be read for the FIN to be seen.
    this.socket.resume()
  }

  destroy(): void {
    // A socket that is closed with bytes that nobody has read resets its connection, and what it has still to send is lost.
    if (this.#waits) this.take(discarded)
    this.socket.destroy()
  }

  /** Remembers the addresses: node forgets them when the socket is closed. */
  #look(): void {
    if (this.#local !== undefined) return
    const known = (this.#settings.addresses ?? ends)(this.socket)
    this.#local = known?.local
    this.#remote = known?.remote
  }
}

// One listener function for all sockets: closures for each of thousands cost more memory.

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
  return { local: withoutMapping(localAddress), remote: withoutMapping(remoteAddress) }
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
