// A fake clock and network for BFD endpoints: time passes at the test's command, and the test chooses which datagrams are lost.
import { FakeClock } from '../../testing/fake-clock.ts'
import type { Sockets } from '../sockets.ts'

/** A fake clock that lets promises run between timers, and that can stall: leap over a time at once. */
export class StallingClock extends FakeClock {
  constructor() {
    super(0)
  }

  /** Lets the time pass in one leap: runs timers first, then `poll` (datagrams that arrived meanwhile), then callbacks of `soon`. */
  stall(milliseconds: number, poll: () => void): void {
    this.moveTo(this.now() + milliseconds)
    while (this.runNext(this.now()));
    poll()
    this.settle()
  }

  override async advance(milliseconds: number): Promise<void> {
    const end = this.now() + milliseconds
    await turns()
    while (this.runNext(end)) {
      this.settle()
      await turns()
    }
    this.moveTo(end)
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

export interface Datagram {
  readonly at: number
  readonly from: string
  readonly to: string
  readonly sourcePort: number
  readonly bytes: Uint8Array
}

export class FakeNetwork {
  readonly sent: Datagram[] = []
  readonly #clock: StallingClock
  readonly #receivers = new Map<string, (bytes: Uint8Array, source: string) => void>()
  readonly #sourcePorts = new Set<string>()
  /** Decides which datagrams are lost. */
  lose: (datagram: Datagram) => boolean = () => false
  /** Addresses that cannot be bound. */
  readonly missing = new Set<string>()

  constructor(clock: StallingClock) {
    this.#clock = clock
  }

  /** Number of open sockets. */
  open(): number {
    return this.#receivers.size + this.#sourcePorts.size
  }

  deliver(from: string, to: string, bytes: Uint8Array): void {
    this.#receivers.get(to)?.(bytes, from)
  }

  sockets(): Sockets {
    return {
      receive: async ({ local }, onDatagram) => {
        if (this.missing.has(local)) throw new Error(`no address ${local}`)
        if (this.#receivers.has(local)) throw new Error(`${local} is taken`)
        this.#receivers.set(local, onDatagram)
        return { close: () => void this.#receivers.delete(local) }
      },
      transmit: async ({ local, sourcePort, peer }) => {
        const key = `${local} ${sourcePort}`
        if (this.#sourcePorts.has(key)) throw Object.assign(new Error('taken'), { code: 'EADDRINUSE' })
        this.#sourcePorts.add(key)
        return {
          send: (bytes) => {
            const datagram = { at: this.#clock.now(), from: local, to: peer, sourcePort, bytes }
            this.sent.push(datagram)
            if (!this.lose(datagram)) this.#clock.after(0.1, () => this.deliver(local, peer, bytes))
          },
          close: () => void this.#sourcePorts.delete(key),
        }
      },
    }
  }
}
