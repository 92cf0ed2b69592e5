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
  /** The parameters in our packets. */
  readonly advertised: Intervals
  /** The parameters in use. They follow `advertised` at the end of a poll sequence where section 6.8.3 asks for that. */
  readonly active: Intervals
  /** `settling`: the final has arrived, but a second one for the same poll may still be on its way (section 6.8.3, third choice). */
  readonly poll: 'idle' | 'active' | 'settling'
  readonly remote: Remote
  readonly receivedAt: number
  /** The clock's time of the next periodic packet; Infinity: none is due. */
  readonly sendAt: number
  readonly sentAt: number
  /** The last packet sent; a packet with other contents is sent at once. */
  readonly sent: BfdPacket | undefined
}

export type FsmEvent =
  /** A packet of this session arrived. */
  | { readonly kind: 'receive'; readonly packet: BfdPacket }
  /** The periodic packet may be due. */
  | { readonly kind: 'transmit' }
  /** The detection time may have passed. */
  | { readonly kind: 'expire' }
  | { readonly kind: 'configure'; readonly parameters: BfdParameters }
  | { readonly kind: 'disable' }
  | { readonly kind: 'enable' }

/** Why a session went down. The administrative reasons say nothing about the path (RFC 5882 sections 3.2 and 4.2). */
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

/** The neighbour's parameters before its first packet: section 6.8.1 sets its receive interval to one microsecond. */
const UNKNOWN: Remote = {
  state: 'down',
  discriminator: 0,
  diagnostic: DIAGNOSTIC.NONE,
  demand: false,
  desiredMinTx: 0,
  requiredMinRx: 0.001,
  detectMultiplier: 0,
}

/** The initial state: down, with the first packet due at once. */
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

/** The clock's time at which a silent neighbour is declared down; Infinity: it is not. */
export function detectAt(state: FsmState): number {
  return state.receivedAt + detectionTime(state.active.rx, state.remote)
}

/** The transmit interval before jitter; Infinity: no periodic packets. */
export function currentTransmitInterval(state: FsmState): number {
  return isQuiet(state) ? Number.POSITIVE_INFINITY : transmitInterval(state.active.tx, state.remote)
}

/** Whether periodic packets stop: the neighbour uses demand mode, both ends are up, and no poll is running (section 6.8.7). */
function isQuiet({ session, remote, poll }: FsmState): boolean {
  return remote.demand && session === 'up' && remote.state === 'up' && poll !== 'active'
}

/** Working state of one step; it lives only inside `step`. */
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

  /** Section 6.8.6, from the point at which the session is known. */
  #receive(packet: BfdPacket): void {
    const { poll } = this.state
    this.#set({ remote: remoteOf(packet), receivedAt: this.#now })
    if (poll === 'active' && packet.final) this.#set({ active: this.state.advertised, poll: 'settling' })
    else if (poll === 'settling' && !packet.final) this.#set({ poll: 'idle' })
    this.#follow(packet.state)
  }

  /** The state diagram of section 6.2. */
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

  /** The detection time has passed (section 6.8.4). The neighbour's discriminator is forgotten (section 6.8.1). */
  #expire(): void {
    this.#set({ remote: UNKNOWN, poll: 'idle' })
    const { session } = this.state
    if (session === 'init' || session === 'up')
      this.#change('down', DIAGNOSTIC.DETECTION_EXPIRED, 'detection-expired')
  }

  #change(session: SessionState, diagnostic: number, reason?: DownReason): void {
    const wasUp = this.state.session === 'up'
    // A poll ends with the state in which it began; #negotiate starts the next one when the new state needs it.
    this.#set({ session, diagnostic, poll: 'idle' })
    if (session === 'up') this.effects.push({ kind: 'up' })
    else if (wasUp && reason !== undefined) this.effects.push({ kind: 'down', reason, diagnostic })
  }

  /** Advertises the parameters of the configuration and the state, by one poll sequence at a time (section 6.8.3). */
  #negotiate(): void {
    const { session, configured, advertised, active, poll, remote } = this.state
    const up = session === 'up'
    const tx = up ? configured.desiredMinTx : Math.max(configured.desiredMinTx, SLOW_INTERVAL)
    const rx = configured.requiredMinRx
    if ((advertised.tx === tx && advertised.rx === rx) || (up && poll !== 'idle')) return
    this.#set({
      advertised: { tx, rx },
      // While up, slower transmission and faster detection wait until the neighbour knows of them.
      active: { tx: up ? Math.min(active.tx, tx) : tx, rx: up ? Math.max(active.rx, rx) : rx },
      poll: remote.discriminator === 0 ? 'idle' : 'active',
    })
  }

  /** Applies a new interval at once, counted from the last packet (section 6.8.3). */
  #reschedule(): void {
    const interval = currentTransmitInterval(this.state)
    this.#set({ sendAt: Math.max(this.#now, this.state.sentAt + this.#jittered(interval)) })
  }

  #transmit(event: FsmEvent): void {
    const { state } = this
    // A poll is answered at once, whatever the timers say (section 6.8.7), but not while administratively down (section 6.8.6).
    const owesFinal = event.kind === 'receive' && event.packet.poll && state.session !== 'admin-down'
    if (owesFinal) this.#send({ poll: false, final: true })
    const due = this.#now >= state.sendAt
    if (due || (this.#hasNews() && state.remote.requiredMinRx !== 0)) {
      this.#send({ poll: state.poll === 'active', final: false })
      this.#set({ sendAt: this.#now + this.#jittered(currentTransmitInterval(this.state)) })
    }
  }

  /** Sends a packet with changed contents without waiting for the timer (section 6.8.7). */
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

/** Compares two packets without their poll and final bits (section 6.8.7). */
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
