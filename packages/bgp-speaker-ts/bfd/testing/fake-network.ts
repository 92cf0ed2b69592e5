// Time and datagrams that move when a test says so: endpoints meet on a network without loss, or with the loss that is asked for.
import type { Clock } from '../../clock.ts'
import type { Sockets } from '../sockets.ts'

interface Timer {
  readonly at: number
  readonly run: () => void
}

export class FakeClock implements Clock {
  #now = 0
  readonly #timers = new Set<Timer>()
  #soon: (() => void)[] = []

  now(): number {
    return this.#now
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#now + delay, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  soon(run: () => void): () => void {
    this.#soon.push(run)
    return () => {
      this.#soon = this.#soon.filter((other) => other !== run)
    }
  }

  timers(): number {
    return this.#timers.size
  }

  /** Lets the time pass, timers first, then `poll` (what arrived meanwhile), then what was put off to `soon`. */
  stall(milliseconds: number, poll: () => void): void {
    this.#now += milliseconds
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now)) {
      this.#timers.delete(timer)
      timer.run()
    }
    poll()
    this.#runSoon()
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    await turns()
    for (;;) {
      const timer = this.#earliest()
      if (timer === undefined || timer.at > end) break
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, timer.at)
      timer.run()
      this.#runSoon()
      await turns()
    }
    this.#now = end
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined
    for (const timer of this.#timers) if (earliest === undefined || timer.at < earliest.at) earliest = timer
    return earliest
  }

  #runSoon(): void {
    for (let runs = this.#soon; runs.length > 0; runs = this.#soon) {
      this.#soon = []
      for (const run of runs) run()
    }
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
  readonly #clock: FakeClock
  readonly #receivers = new Map<string, (bytes: Uint8Array, source: string) => void>()
  readonly #sourcePorts = new Set<string>()
  /** Which datagrams get lost. */
  lose: (datagram: Datagram) => boolean = () => false
  /** Addresses that cannot be bound. */
  readonly missing = new Set<string>()

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  /** How many sockets are open. */
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
