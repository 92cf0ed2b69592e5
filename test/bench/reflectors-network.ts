/** TCP between speakers of one process, without a kernel: what is measured is the speakers' own work. */
import type {
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Listener,
  Transport,
} from 'bgp-speaker-ts/transport.ts'

const NO_HANDLERS: ConnectionHandlers = { onConnect() {}, onData() {}, onDrain() {}, onClose() {} }

export class ProcessNetwork {
  readonly #accepting = new Map<string, (connection: Connection) => void>()
  readonly #open = new Map<string, Set<Wire>>()
  /** Bytes that were written since the start. */
  bytes = 0

  /** The TCP of the machine with this address. */
  transport(address: string): Transport {
    return {
      supports: { password: true, ttlSecurity: true },
      connect: (options, handlers) => this.#connect(address, options, handlers),
      listen: async (_options, accept) => this.#listen(address, accept),
    }
  }

  /** The machine loses its power: the other ends see their connections break. */
  fail(address: string): void {
    this.#accepting.delete(address)
    for (const wire of this.#open.get(address) ?? []) wire.destroy()
  }

  written(bytes: number): void {
    this.bytes += bytes
  }

  closed(wire: Wire): void {
    this.#open.get(wire.localAddress)?.delete(wire)
  }

  #connect(near: string, { address }: ConnectOptions, handlers: ConnectionHandlers): Connection {
    const wire = new Wire(this, near, address)
    wire.handle(handlers)
    setImmediate(() => {
      const accept = this.#accepting.get(address)
      if (accept === undefined) return wire.destroy()
      const far = new Wire(this, address, near)
      wire.join(far)
      for (const end of [wire, far]) this.#of(end.localAddress).add(end)
      wire.connected()
      accept(far)
    })
    return wire
  }

  #of(address: string): Set<Wire> {
    const open = this.#open.get(address) ?? new Set()
    this.#open.set(address, open)
    return open
  }

  #listen(address: string, accept: (connection: Connection) => void): Listener {
    this.#accepting.set(address, accept)
    const close = async () => void this.#accepting.delete(address)
    return { address, port: 179, setPassword() {}, close }
  }
}

class Wire implements Connection {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly remotePort = 179
  readonly #network: ProcessNetwork
  #handlers = NO_HANDLERS
  #far: Wire | undefined
  #queue: Uint8Array[] = []
  #closed = false

  constructor(network: ProcessNetwork, localAddress: string, remoteAddress: string) {
    this.#network = network
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
  }

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
  }

  /** By then its owner has put handlers of its own in place of the first ones. */
  connected(): void {
    if (!this.#closed) this.#handlers.onConnect()
  }

  join(far: Wire): void {
    this.#far = far
    far.#far = this
  }

  secureTtl(): boolean {
    return true
  }

  setTtl(): void {}

  setPassword(): boolean {
    return true
  }

  write(bytes: Uint8Array): boolean {
    this.#network.written(bytes.length)
    this.#queue.push(bytes)
    if (this.#queue.length === 1) setImmediate(() => this.#deliver())
    return true
  }

  pendingBytes(): number {
    return 0
  }

  setLowWater(): boolean {
    return false
  }

  take(): number {
    return 0
  }

  quietFor(): number {
    return 0
  }

  end(): void {
    setImmediate(() => this.destroy())
  }

  destroy(): void {
    for (const end of [this, this.#far]) {
      if (end === undefined || end.#closed) continue
      end.#closed = true
      this.#network.closed(end)
      setImmediate(() => end.#handlers.onClose(undefined))
    }
  }

  #deliver(): void {
    const queue = this.#queue
    this.#queue = []
    const far = this.#far
    for (const bytes of queue) if (far && !far.#closed) far.#handlers.onData(bytes)
  }
}
