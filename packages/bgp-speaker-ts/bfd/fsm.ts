// The state machine of one BFD session in asynchronous mode (RFC 5880 section 6), as a pure function: step(state, event) -> {state, effects}.
import { assertNever } from '../errors.ts'
import { type BfdPacket, DIAGNOSTIC, type SessionState } from './packet.ts'
import {
  type BfdParameters,
  detectionTime,
  jittered,
  type RemoteTiming,
  SLOW_INTERVAL,
  toMicroseconds,
  toMilliseconds,
  transmitInterval,
} from './timing.ts'

export interface Remote extends RemoteTiming {
  readonly state: SessionState
  /** 0: not known. */
  readonly discriminator: number
  readonly diagnostic: number
  readonly demand: boolean
}

/** Milliseconds. */
export interface Intervals {
  readonly tx: number
  readonly rx: number
}

/** Times are the clock's milliseconds. */
export interface FsmState {
  readonly session: SessionState
  readonly diagnostic: number
  readonly localDiscriminator: number
  readonly configured: BfdParameters
  /** What our packets say. */
  readonly advertised: Intervals
  /** What we keep to: lags behind `advertised` until a poll sequence ends, where 6.8.3 asks for it. */
  readonly active: Intervals
  /** `settling`: the final came, but another one for the same poll may still be under way (6.8.3, third choice). */
  readonly poll: 'idle' | 'active' | 'settling'
  readonly remote: Remote
  readonly receivedAt: number
  /** When the next periodic packet is due; Infinity: none is. */
  readonly sendAt: number
  readonly sentAt: number
  /** The last packet sent; another one with other contents goes out at once. */
  readonly sent: BfdPacket | undefined
}

export type FsmEvent =
  /** The packet belongs to this session: discriminator or addresses say so. */
  | { readonly kind: 'receive'; readonly packet: BfdPacket }
  /** The periodic packet may be due. */
  | { readonly kind: 'transmit' }
  /** The detection time may have passed. */
  | { readonly kind: 'expire' }
  | { readonly kind: 'configure'; readonly parameters: BfdParameters }
  | { readonly kind: 'disable' }
  | { readonly kind: 'enable' }

/** RFC 5882 3.2 and 4.2: an administrative end says nothing about the path. */
export type DownReason = 'detection-expired' | 'neighbor-down' | 'neighbor-admin-down' | 'admin-down'

export type Effect =
  | { readonly kind: 'send'; readonly packet: BfdPacket }
  | { readonly kind: 'up' }
  /** The session was up. */
  | { readonly kind: 'down'; readonly reason: DownReason; readonly diagnostic: number }

export interface Step {
  readonly state: FsmState
  readonly effects: readonly Effect[]
}

/** 6.8.1: as long as nothing was received, one microsecond stands for what the neighbour can receive. */
const UNKNOWN: Remote = {
  state: 'down',
  discriminator: 0,
  diagnostic: DIAGNOSTIC.NONE,
  demand: false,
  desiredMinTx: 0,
  requiredMinRx: 0.001,
  detectMultiplier: 0,
}

/** Down, with the first packet due at once. */
export function initialState(localDiscriminator: number, parameters: BfdParameters, now: number): FsmState {
  const intervals = {
    tx: Math.max(parameters.desiredMinTx, SLOW_INTERVAL),
    rx: parameters.requiredMinRx,
  }
  return {
    session: 'down',
    diagnostic: DIAGNOSTIC.NONE,
    localDiscriminator,
    configured: parameters,
    advertised: intervals,
    active: intervals,
    poll: 'idle',
    remote: UNKNOWN,
    receivedAt: now,
    sendAt: now,
    sentAt: now,
    sent: undefined,
  }
}

/** `now` in milliseconds, `random` in [0, 1). */
export function step(state: FsmState, event: FsmEvent, now: number, random: number): Step {
  const machine = new Machine(state, now, random)
  machine.handle(event)
  return { state: machine.state, effects: machine.effects }
}

/** Infinity: the neighbour's silence means nothing. */
export function detectAt(state: FsmState): number {
  return state.receivedAt + detectionTime(state.active.rx, state.remote)
}

/** Before jitter; Infinity: nothing periodic. */
export function currentTransmitInterval(state: FsmState): number {
  return isQuiet(state) ? Number.POSITIVE_INFINITY : transmitInterval(state.active.tx, state.remote)
}

/** The neighbour uses demand mode, both ends are up and no poll is under way: nothing periodic is sent (6.8.7). */
function isQuiet({ session, remote, poll }: FsmState): boolean {
  return remote.demand && session === 'up' && remote.state === 'up' && poll !== 'active'
}

/** One step's working state: made and thrown away inside `step`. */
class Machine {
  state: FsmState
  readonly effects: Effect[] = []
  readonly #now: number
  readonly #random: number

  constructor(state: FsmState, now: number, random: number) {
    this.state = state
    this.#now = now
    this.#random = random
  }

  handle(event: FsmEvent): void {
    const interval = currentTransmitInterval(this.state)
    switch (event.kind) {
      case 'receive':
        this.#receive(event.packet)
        break
      case 'transmit':
        break
      case 'expire':
        if (this.#now >= detectAt(this.state)) this.#expire()
        break
      case 'configure':
        this.#set({ configured: event.parameters })
        break
      case 'disable':
        if (this.state.session !== 'admin-down')
          this.#change('admin-down', DIAGNOSTIC.ADMIN_DOWN, 'admin-down')
        break
      case 'enable':
        if (this.state.session === 'admin-down') this.#change('down', DIAGNOSTIC.NONE)
        break
      default:
        assertNever(event)
    }
    this.#negotiate()
    if (currentTransmitInterval(this.state) !== interval) this.#reschedule()
    this.#transmit(event)
  }

  /** 6.8.6 from where the session has been found. */
  #receive(packet: BfdPacket): void {
    const { poll } = this.state
    this.#set({ remote: remoteOf(packet), receivedAt: this.#now })
    if (poll === 'active' && packet.final) this.#set({ active: this.state.advertised, poll: 'settling' })
    else if (poll === 'settling' && !packet.final) this.#set({ poll: 'idle' })
    this.#follow(packet.state)
  }

  /** The state diagram of 6.2. */
  #follow(remote: SessionState): void {
    const { session } = this.state
    if (session === 'admin-down') return
    if (remote === 'admin-down') {
      if (session !== 'down') this.#change('down', DIAGNOSTIC.NEIGHBOR_DOWN, 'neighbor-admin-down')
    } else if (session === 'down') {
      if (remote === 'down') this.#change('init', DIAGNOSTIC.NONE)
      else if (remote === 'init') this.#change('up', DIAGNOSTIC.NONE)
    } else if (session === 'init') {
      if (remote !== 'down') this.#change('up', DIAGNOSTIC.NONE)
    } else if (remote === 'down') {
      this.#change('down', DIAGNOSTIC.NEIGHBOR_DOWN, 'neighbor-down')
    }
  }

  /** 6.8.4; and 6.8.1: who was silent for a detection time has no discriminator any more. */
  #expire(): void {
    this.#set({ remote: UNKNOWN, poll: 'idle' })
    const { session } = this.state
    if (session === 'init' || session === 'up')
      this.#change('down', DIAGNOSTIC.DETECTION_EXPIRED, 'detection-expired')
  }

  #change(session: SessionState, diagnostic: number, reason?: DownReason): void {
    const wasUp = this.state.session === 'up'
    // A poll ends with the state that it was started in; the next one, if the new state needs it, starts in #negotiate.
    this.#set({ session, diagnostic, poll: 'idle' })
    if (session === 'up') this.effects.push({ kind: 'up' })
    else if (wasUp && reason !== undefined) this.effects.push({ kind: 'down', reason, diagnostic })
  }

  /** 6.8.3: what we advertise follows the configuration and the state, by a poll sequence; one at a time. */
  #negotiate(): void {
    const { session, configured, advertised, active, poll, remote } = this.state
    const up = session === 'up'
    const tx = up ? configured.desiredMinTx : Math.max(configured.desiredMinTx, SLOW_INTERVAL)
    const rx = configured.requiredMinRx
    if ((advertised.tx === tx && advertised.rx === rx) || (up && poll !== 'idle')) return
    this.#set({
      advertised: { tx, rx },
      // While up, slower transmission and faster detection wait for the neighbour to know.
      active: { tx: up ? Math.min(active.tx, tx) : tx, rx: up ? Math.max(active.rx, rx) : rx },
      poll: remote.discriminator === 0 ? 'idle' : 'active',
    })
  }

  /** 6.8.3: a new interval holds at once, counted from the last packet. */
  #reschedule(): void {
    const interval = currentTransmitInterval(this.state)
    this.#set({ sendAt: Math.max(this.#now, this.state.sentAt + this.#jittered(interval)) })
  }

  #transmit(event: FsmEvent): void {
    const { state } = this
    // 6.8.7: a poll is answered whatever the timers say; 6.8.6: but not while administratively down.
    const owesFinal = event.kind === 'receive' && event.packet.poll && state.session !== 'admin-down'
    if (owesFinal) this.#send({ poll: false, final: true })
    const due = this.#now >= state.sendAt
    if (due || (this.#hasNews() && state.remote.requiredMinRx !== 0)) {
      this.#send({ poll: state.poll === 'active', final: false })
      this.#set({ sendAt: this.#now + this.#jittered(currentTransmitInterval(this.state)) })
    }
  }

  /** A change of contents does not wait for the timer (6.8.7). */
  #hasNews(): boolean {
    const { sent } = this.state
    return sent === undefined || !sameContents(sent, packetOf(this.state))
  }

  #send(bits: { readonly poll: boolean; readonly final: boolean }): void {
    const packet = { ...packetOf(this.state), ...bits }
    this.effects.push({ kind: 'send', packet })
    this.#set({ sent: packet, sentAt: this.#now })
  }

  #jittered(interval: number): number {
    return jittered(interval, this.state.configured.detectMultiplier, this.#random)
  }

  #set(change: Partial<FsmState>): void {
    this.state = { ...this.state, ...change }
  }
}

function remoteOf(packet: BfdPacket): Remote {
  return {
    state: packet.state,
    discriminator: packet.myDiscriminator,
    diagnostic: packet.diagnostic,
    demand: packet.demand,
    desiredMinTx: toMilliseconds(packet.desiredMinTx),
    requiredMinRx: toMilliseconds(packet.requiredMinRx),
    detectMultiplier: packet.detectMultiplier,
  }
}

function packetOf(state: FsmState): BfdPacket {
  return {
    diagnostic: state.diagnostic,
    state: state.session,
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: state.configured.detectMultiplier,
    myDiscriminator: state.localDiscriminator,
    yourDiscriminator: state.remote.discriminator,
    desiredMinTx: toMicroseconds(state.advertised.tx),
    requiredMinRx: toMicroseconds(state.advertised.rx),
    requiredMinEchoRx: 0,
  }
}

/** The poll and final bits aside (6.8.7). */
function sameContents(a: BfdPacket, b: BfdPacket): boolean {
  return (
    a.state === b.state &&
    a.diagnostic === b.diagnostic &&
    a.detectMultiplier === b.detectMultiplier &&
    a.yourDiscriminator === b.yourDiscriminator &&
    a.desiredMinTx === b.desiredMinTx &&
    a.requiredMinRx === b.requiredMinRx
  )
}
