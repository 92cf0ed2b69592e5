// All sessions of one speaker: which session a datagram is for, and one timer for all deadlines.
import type { Clock } from '../clock.ts'
import type { ValidSession } from './config.ts'
import { Deadlines } from './deadlines.ts'
import type { DownReason } from './fsm.ts'
import { Listeners } from './listeners.ts'
import { Member, type MemberContext } from './member.ts'
import { type BfdPacket, decodePacket } from './packet.ts'
import type { BfdSnapshot } from './snapshot.ts'
import type { Sockets } from './sockets.ts'
import { SLOW_INTERVAL } from './timing.ts'

/** `id` is the one that the session was added with. */
export interface EndpointEvents {
  up(id: number): void
  down(id: number, reason: DownReason, diagnostic: number): void
  problem(id: number, message: string): void
}

export interface EndpointOptions {
  readonly sockets: Sockets
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly events: EndpointEvents
}

/** libuv takes at most this many datagrams from a socket before it looks at timers again. */
const FULL_ROUND = 32
/** After this many full rounds a silent neighbour is silent, however busy the others are. */
const MAX_ROUNDS = 64

export class Endpoint {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #context: MemberContext
  readonly #members = new Map<number, Member>()
  readonly #byPeer = new Map<string, Member>()
  readonly #byDiscriminator = new Map<number, Member>()
  readonly #deadlines = new Deadlines<Member>()
  readonly #suspects = new Set<Member>()
  readonly #discards = new Map<string, number>()
  #armedFor = Number.POSITIVE_INFINITY
  #disarm: (() => void) | undefined
  #received = 0

  constructor({ sockets, clock, random, events }: EndpointOptions) {
    this.#clock = clock
    this.#random = random
    const listeners = new Listeners(sockets, (bytes, source, local) => this.#datagram(bytes, source, local))
    this.#context = {
      sockets,
      listeners,
      clock,
      random,
      ready: (member) => this.#ready(member),
      up: (id) => events.up(id),
      down: (id, reason, diagnostic) => events.down(id, reason, diagnostic),
      problem: (id, message) => events.problem(id, message),
    }
  }

  /** At most one session a peer; one that is leaving makes way. */
  add(id: number, config: ValidSession): void {
    const previous = this.#byPeer.get(config.peer)
    if (previous !== undefined) this.#forget(previous)
    const member = new Member(id, config, this.#newDiscriminator(), this.#context)
    this.#members.set(id, member)
    this.#byPeer.set(config.peer, member)
    this.#byDiscriminator.set(member.session.discriminator, member)
    void member.start()
  }

  update(id: number, config: ValidSession): void {
    const member = this.#members.get(id)
    if (member === undefined || member.leavesAt !== undefined) return
    member.session.configure(config)
    this.#schedule(member)
  }

  /** Tells the neighbour that it is administratively down, for as long as that takes it to believe (RFC 5880 6.8.16). */
  remove(id: number): void {
    const member = this.#members.get(id)
    if (member === undefined || member.leavesAt !== undefined) return
    if (!member.open) {
      this.#forget(member)
      return
    }
    member.session.disable()
    member.stopReceiving()
    this.#byDiscriminator.delete(member.session.discriminator)
    const { detectMultiplier } = member.session.config.parameters
    member.leavesAt = this.#clock.now() + detectMultiplier * SLOW_INTERVAL
    this.#schedule(member)
  }

  snapshot(): BfdSnapshot {
    const staying = [...this.#members.values()].filter((member) => member.leavesAt === undefined)
    return {
      sessions: staying.map((member) => member.session.snapshot()),
      discards: Object.fromEntries(this.#discards),
    }
  }

  /** Every neighbour is told once that we are administratively down. */
  close(): void {
    for (const member of [...this.#members.values()]) {
      member.session.disable()
      this.#forget(member)
    }
    this.#disarm?.()
    this.#disarm = undefined
  }

  #forget(member: Member): void {
    member.close()
    this.#members.delete(member.id)
    const { discriminator, config } = member.session
    if (this.#byPeer.get(config.peer) === member) this.#byPeer.delete(config.peer)
    if (this.#byDiscriminator.get(discriminator) === member) this.#byDiscriminator.delete(discriminator)
    this.#deadlines.delete(member)
    this.#suspects.delete(member)
  }

  #newDiscriminator(): number {
    for (;;) {
      const discriminator = 1 + Math.floor(this.#random() * 0xffff_ffff)
      if (!this.#byDiscriminator.has(discriminator)) return discriminator
    }
  }

  #ready(member: Member): void {
    if (this.#members.get(member.id) !== member) member.close()
    else this.#schedule(member)
  }

  #datagram(bytes: Uint8Array, source: string, local: string): void {
    this.#received++
    const decoded = decodePacket(bytes)
    if (decoded.kind === 'discard') {
      this.#discard(decoded.reason)
      return
    }
    const member = this.#memberFor(decoded.packet, source, local)
    if (member === undefined) return
    member.session.receive(decoded.packet)
    this.#schedule(member)
  }

  /** RFC 5880 6.8.6, RFC 5881 section 3. The addresses count also where the discriminator says enough: nobody else speaks for a peer. */
  #memberFor(packet: BfdPacket, source: string, local: string): Member | undefined {
    const { yourDiscriminator } = packet
    const member =
      yourDiscriminator === 0 ? this.#byPeer.get(source) : this.#byDiscriminator.get(yourDiscriminator)
    if (member === undefined || member.leavesAt !== undefined) return this.#discard('no-session')
    const { config } = member.session
    if (config.peer !== source || config.local !== local) return this.#discard('wrong-address')
    return packet.authentication === undefined ? member : this.#discard('authentication-not-in-use')
  }

  #discard(reason: string): undefined {
    this.#discards.set(reason, (this.#discards.get(reason) ?? 0) + 1)
  }

  #schedule(member: Member): void {
    if (!member.open || this.#suspects.has(member)) return
    this.#deadlines.set(
      member,
      Math.min(member.session.deadline(), member.leavesAt ?? Number.POSITIVE_INFINITY),
    )
    this.#arm()
  }

  #arm(): void {
    const next = this.#deadlines.next()
    if (next >= this.#armedFor) return
    this.#disarm?.()
    this.#armedFor = next
    this.#disarm = this.#clock.after(Math.max(0, Math.ceil(next - this.#clock.now())), () => this.#tick())
  }

  #tick(): void {
    this.#armedFor = Number.POSITIVE_INFINITY
    this.#disarm = undefined
    const now = this.#clock.now()
    for (let member = this.#deadlines.take(now); member !== undefined; member = this.#deadlines.take(now))
      this.#due(member, now)
    this.#arm()
  }

  #due(member: Member, now: number): void {
    if (member.leavesAt !== undefined && now >= member.leavesAt) {
      this.#forget(member)
      return
    }
    member.session.transmit()
    if (now < member.session.detectAt()) {
      this.#schedule(member)
      return
    }
    if (this.#suspects.size === 0) this.#judgeSoon(0)
    this.#suspects.add(member)
  }

  /**
   * Silence counts only when everything that waits in the sockets has been read: after a stall of this thread the timers run
   * before the datagrams that came in the meantime.
   */
  #judgeSoon(round: number): void {
    this.#received = 0
    this.#clock.soon(() => {
      if (this.#received >= FULL_ROUND && round < MAX_ROUNDS) this.#judgeSoon(round + 1)
      else this.#judge()
    })
  }

  #judge(): void {
    const suspects = [...this.#suspects]
    this.#suspects.clear()
    for (const member of suspects) {
      if (this.#members.get(member.id) !== member) continue
      member.session.expire()
      this.#schedule(member)
    }
  }
}
