// All BFD sessions of one speaker: assigns datagrams to sessions and runs one timer for all deadlines.
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

/** Events of the sessions; `id` is the one that the session was added with. */
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

/** libuv reads at most this many datagrams from a socket before it runs timers again. */
const FULL_ROUND = 32
/** After this many full rounds of reading a silent neighbour counts as silent, even when other sockets still have datagrams. */
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

  /** Adds a session. A peer has at most one; one that is leaving is dropped for the new one. */
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

  /** Removes a session after its detection time, during which it tells the neighbour that it is administratively down (RFC 5880 section 6.8.16). */
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

  /** Closes all sessions; tells each neighbour once that we are administratively down. */
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

  /** Finds the session of a datagram (RFC 5880 section 6.8.6, RFC 5881 section 3). The addresses must match even when the discriminator identifies the session, so that no other host can speak for a peer. */
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
   * A silent neighbour is declared down only when all waiting datagrams have been read: after a stall of this thread the timers run
   * before the datagrams that arrived in the meantime.
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
