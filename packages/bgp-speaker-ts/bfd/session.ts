// One BFD session: its state machine, its counters and its packets. Clock, random numbers and the sender are inputs.
import { assertNever } from '../errors.ts'
import type { ValidSession } from './config.ts'
import {
  currentTransmitInterval,
  type DownReason,
  detectAt,
  type FsmEvent,
  type FsmState,
  initialState,
  step,
} from './fsm.ts'
import { type BfdPacket, diagnosticName, encodePacket, type SessionState } from './packet.ts'
import type { BfdSessionSnapshot } from './snapshot.ts'
import { detectionTime } from './timing.ts'

export interface SessionContext {
  /** Monotonic milliseconds. */
  now(): number
  /** In [0, 1). */
  random(): number
  /** Sends one datagram to the neighbour; does nothing while there is no socket. */
  transmit(bytes: Uint8Array): void
  up(): void
  /** The session was up. */
  down(reason: DownReason, diagnostic: number): void
}

export class BfdSession {
  readonly #context: SessionContext
  #config: ValidSession
  #state: FsmState
  #changedAt: number
  #counters = { received: 0, sent: 0, sendErrors: 0, ups: 0, downs: 0 }
  /** Why there are no sockets. */
  problem: string | undefined

  /** @param discriminator not 0, and no other session's */
  constructor(config: ValidSession, discriminator: number, context: SessionContext) {
    this.#context = context
    this.#config = config
    this.#changedAt = context.now()
    this.#state = initialState(discriminator, config.parameters, this.#changedAt)
    if (config.adminDown) this.#handle({ kind: 'disable' })
  }

  get config(): ValidSession {
    return this.#config
  }

  get state(): SessionState {
    return this.#state.session
  }

  get discriminator(): number {
    return this.#state.localDiscriminator
  }

  /** The clock's time of the next work for `transmit` or `expire`. */
  deadline(): number {
    return Math.min(this.#state.sendAt, detectAt(this.#state))
  }

  detectAt(): number {
    return detectAt(this.#state)
  }

  receive(packet: BfdPacket): void {
    this.#counters.received++
    this.#handle({ kind: 'receive', packet })
  }

  /** Sends the periodic packet if it is due. */
  transmit(): void {
    this.#handle({ kind: 'transmit' })
  }

  /** Declares the session down when the neighbour was silent for the detection time. */
  expire(): void {
    this.#handle({ kind: 'expire' })
  }

  configure(config: ValidSession): void {
    this.#config = config
    this.#handle({ kind: 'configure', parameters: config.parameters })
    this.#handle({ kind: config.adminDown ? 'disable' : 'enable' })
  }

  disable(): void {
    this.#handle({ kind: 'disable' })
  }

  countSendError(): void {
    this.#counters.sendErrors++
  }

  snapshot(): BfdSessionSnapshot {
    const { active, remote, poll } = this.#state
    const { peer, local } = this.#config
    return {
      peer,
      local,
      state: this.#state.session,
      age: this.#context.now() - this.#changedAt,
      diagnostic: diagnosticName(this.#state.diagnostic),
      localDiscriminator: this.#state.localDiscriminator,
      transmitInterval: finite(currentTransmitInterval(this.#state)),
      detectionTime: finite(detectionTime(active.rx, remote)),
      polling: poll === 'active',
      remote: {
        state: remote.state,
        diagnostic: diagnosticName(remote.diagnostic),
        discriminator: remote.discriminator,
        desiredMinTx: remote.desiredMinTx,
        requiredMinRx: remote.requiredMinRx,
        detectMultiplier: remote.detectMultiplier,
      },
      counters: { ...this.#counters },
      problem: this.problem,
    }
  }

  #handle(event: FsmEvent): void {
    const before = this.#state.session
    const now = this.#context.now()
    const { state, effects } = step(this.#state, event, now, this.#context.random())
    this.#state = state
    if (state.session !== before) this.#changedAt = now
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#counters.sent++
          this.#context.transmit(encodePacket(effect.packet))
          break
        case 'up':
          this.#counters.ups++
          this.#context.up()
          break
        case 'down':
          this.#counters.downs++
          this.#context.down(effect.reason, effect.diagnostic)
          break
        default:
          assertNever(effect)
      }
    }
  }
}

const finite = (value: number) => (value === Number.POSITIVE_INFINITY ? undefined : value)
