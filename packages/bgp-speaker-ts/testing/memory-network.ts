// TCP in memory: bytes arrive at the end of the fake clock's turn, and connections can be cut or stalled.
import { splitZone } from '../address.ts'
import type { OpenLink } from '../discovery/router-discovery.ts'
import type {
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Listener,
  ListenOptions,
  Transport,
} from '../transport.ts'
import type { FakeClock } from './fake-clock.ts'

const NO_HANDLERS: ConnectionHandlers = { onConnect() {}, onData() {}, onDrain() {}, onClose() {} }
/** Pending bytes from which `write` returns false. */
const HIGH_WATER = 65536

class MemoryConnection implements Connection {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly remotePort = 0
  peer: MemoryConnection | undefined
  /** This end does not read: bytes wait at the other end. */
  stalled = false
  /** Hops that it has come. */
  distance = 1
  closed = false
  ttl = 255
  password: string | undefined
  /** Whether its TCP-MD5 key can be another one while it is open. */
  changesKeys = true
  readonly #clock: FakeClock
  #handlers = NO_HANDLERS
  #queue: Uint8Array[] = []
  /** What has arrived, below the low water mark. */
  #held: number[] = []
  #lowWater = 1
  /** The clock's time at which the last bytes arrived. */
  heardAt = 0
  /** How often the handlers were told of bytes: each time wakes the process. */
  wakes = 0
  #ending = false
  #full = false
  #delivering = false

  constructor(clock: FakeClock, localAddress: string, remoteAddress: string) {
    this.#clock = clock
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
  }

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
  }

  secureTtl(hops: number): boolean {
    return this.distance <= hops
  }

  setTtl(ttl: number): void {
    this.ttl = ttl
  }

  setPassword(password: string | undefined): boolean {
    if (!this.changesKeys) return false
    this.password = password
    return true
  }

  connected(): void {
    this.#clock.soon(() => {
      if (!this.closed) this.#handlers.onConnect()
    })
  }

  write(bytes: Uint8Array): boolean {
    if (this.closed) return true
    this.#queue.push(bytes)
    this.deliver()
    this.#full ||= this.pendingBytes() > HIGH_WATER
    return !this.#full
  }

  pendingBytes(): number {
    return this.#queue.reduce((sum, { length }) => sum + length, 0)
  }

  setLowWater(bytes: number): boolean {
    this.#lowWater = bytes
    if (this.#held.length >= bytes) this.#clock.soon(() => this.#deliverHeld())
    return true
  }

  take(buffer: Uint8Array): number {
    const taken = this.#held.splice(0, buffer.length)
    buffer.set(taken)
    return taken.length
  }

  quietFor(): number {
    return this.#clock.now() - this.heardAt
  }

  end(): void {
    this.#ending = true
    this.deliver()
  }

  destroy(): void {
    this.close(undefined)
  }

  /** Closes both ends, each in a turn of its own. */
  close(error: Error | undefined): void {
    for (const end of [this, this.peer]) {
      if (end === undefined || end.closed) continue
      end.#deliverHeld(1)
      end.closed = true
      this.#clock.soon(() => end.#handlers.onClose(error))
    }
  }

  /** Delivers pending bytes, unless the other end does not read. */
  deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    this.#clock.soon(() => {
      this.#delivering = false
      if (this.closed || this.peer === undefined || this.peer.stalled) return
      const queue = this.#queue
      this.#queue = []
      for (const bytes of queue) this.peer.#arrive(bytes)
      if (this.#full) {
        this.#full = false
        this.#handlers.onDrain()
      }
      if (this.#ending) this.close(undefined)
    })
  }

  #arrive(bytes: Uint8Array): void {
    if (this.closed) return
    this.heardAt = this.#clock.now()
    if (this.#held.length === 0 && bytes.length >= this.#lowWater) {
      this.#wake(bytes)
      return
    }
    for (const byte of bytes) this.#held.push(byte)
    this.#deliverHeld()
  }

  #wake(bytes: Uint8Array): void {
    this.wakes++
    this.#handlers.onData(bytes)
  }

  #deliverHeld(least = this.#lowWater): void {
    if (this.closed || this.#held.length === 0 || this.#held.length < least) return
    const bytes = Uint8Array.from(this.#held)
    this.#held = []
    this.#wake(bytes)
  }
}

/** One end of a point-to-point link: a host's interface and its link-local address. */
export interface LinkEnd {
  readonly host: string
  readonly interface: string
  readonly address: string
}

export class MemoryNetwork {
  readonly clock: FakeClock
  readonly #links: (readonly [LinkEnd, LinkEnd])[] = []
  /** Receivers of ICMPv6 by host and interface. */
  readonly #hearers = new Map<string, (bytes: Uint8Array, source: string) => void>()
  /** TCP-MD5 keys of the listeners by remote address or prefix. */
  readonly passwords = new Map<string, string>()
  /** Addresses of machines without power: nothing answers there. */
  readonly silent = new Set<string>()
  /** Attempts to connect, at the clock's times. */
  readonly attempts: { readonly address: string; readonly at: number }[] = []
  /** Hops from these addresses to anywhere, where it is not one. */
  readonly distances = new Map<string, number>()
  readonly connections: MemoryConnection[] = []
  readonly #listeners = new Map<string, (connection: Connection) => void>()

  constructor(clock: FakeClock) {
    this.clock = clock
  }

  /** A host's TCP; `address` is its source address. */
  transport(address: string): Transport {
    return {
      supports: { password: true, ttlSecurity: true },
      connect: (options, handlers) => this.#connect(address, options, handlers),
      listen: (options, accept) => this.#listen(address, options, accept),
    }
  }

  link(a: LinkEnd, b: LinkEnd): void {
    this.#links.push([a, b])
  }

  /** A host's ICMPv6. */
  icmp6(host: string): OpenLink {
    return (name, heard) => {
      const [near, far] = this.#ends(host, name)
      const key = `${host} ${name}`
      this.#hearers.set(key, heard)
      return {
        send: (bytes) =>
          void this.clock.soon(() =>
            this.#hearers.get(`${far.host} ${far.interface}`)?.(bytes, near.address),
          ),
        close: () => void this.#hearers.delete(key),
      }
    }
  }

  /** Open connections between two addresses. */
  between(a: string, b: string): readonly MemoryConnection[] {
    return this.connections.filter(
      ({ localAddress, remoteAddress, closed }) => !closed && localAddress === a && remoteAddress === b,
    )
  }

  /** Forgets closed connections. */
  forgetClosed(): void {
    const open = this.connections.filter(({ closed }) => !closed)
    this.connections.splice(0, this.connections.length, ...open)
  }

  /** Breaks the connections between two addresses: both ends see it. */
  cut(a: string, b: string): void {
    for (const connection of [...this.between(a, b), ...this.between(b, a)])
      connection.close(new Error('connection reset'))
  }

  /** Makes `at` stop or resume reading what `from` sends. */
  stall(at: string, from: string, stalled: boolean): void {
    for (const connection of this.between(at, from)) {
      connection.stalled = stalled
      connection.peer?.deliver()
    }
  }

  /** This end of a host's link and the other. @throws when there is none */
  #ends(host: string, name: string): readonly [LinkEnd, LinkEnd] {
    for (const [a, b] of this.#links) {
      if (a.host === host && a.interface === name) return [a, b]
      if (b.host === host && b.interface === name) return [b, a]
    }
    throw new Error(`no link ${name}`)
  }

  /** The addresses of a connection as both ends see them, and where the far end listens. */
  #route(host: string, { address, localAddress = host }: ConnectOptions) {
    const { address: remote, zone } = splitZone(address)
    if (zone === undefined)
      return { near: [localAddress, address], far: [address, localAddress], at: address }
    const [a, b] = this.#ends(host, zone)
    const ends = (end: LinkEnd, other: string) => [
      `${end.address}%${end.interface}`,
      `${other}%${end.interface}`,
    ]
    return { near: ends(a, remote), far: ends(b, a.address), at: b.address === remote ? b.host : '' }
  }

  #connect(host: string, options: ConnectOptions, handlers: ConnectionHandlers): Connection {
    const route = this.#route(host, options)
    const near = new MemoryConnection(this.clock, route.near[0]!, route.near[1]!)
    near.handle(handlers)
    near.ttl = options.ttl ?? 255
    near.password = options.password
    this.attempts.push({ address: options.address, at: this.clock.now() })
    if (this.silent.has(options.address)) return near
    this.clock.soon(() => {
      const accept = this.#listeners.get(`${route.at} ${options.port}`)
      if (near.closed) return
      if (accept === undefined) return near.close(new Error('connection refused'))
      const far = new MemoryConnection(this.clock, route.far[0]!, route.far[1]!)
      near.peer = far
      far.peer = near
      far.distance = this.distances.get(far.remoteAddress) ?? 1
      this.connections.push(near, far)
      near.connected()
      accept(far)
      far.deliver()
    })
    return near
  }

  async #listen(
    host: string,
    { address = host, port }: ListenOptions,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    const key = `${address} ${port}`
    if (this.#listeners.has(key)) throw new Error(`${key} is taken`)
    this.#listeners.set(key, accept)
    return {
      address,
      port,
      setPassword: (remote, password) => {
        if (password === undefined) this.passwords.delete(remote)
        else this.passwords.set(remote, password)
      },
      close: async () => void this.#listeners.delete(key),
    }
  }
}
