// The timers of a session (RFC 4271 sections 8 and 10): when they expire, and their jitter.
import { expect } from 'chai'
import type { Open } from '../../packet/open.ts'
import { step } from './fsm.ts'
import { type FsmConfig, type FsmState, INITIAL, nextDeadline } from './fsm-state.ts'
import { keepaliveTimer } from './timers.ts'

const CONFIG: FsmConfig = {
  localAsn: 64512,
  localId: 10,
  peerAsn: 64513,
  hold: 90_000,
  connectRetry: 120_000,
  passive: false,
  role: undefined,
  roleStrict: false,
  gracefulRestart: false,
}
const OPEN: Open = { asn: 64513, holdTime: 60, routerId: 9, capabilities: [] }

/** Runs events at time 0 with one random number. */
function after(random: number, ...events: readonly Parameters<typeof step>[2][]): FsmState {
  return events.reduce((state, event) => step(CONFIG, state, event, 0, random).state, INITIAL)
}

const established = (random: number) =>
  after(
    random,
    { kind: 'start' },
    { kind: 'connected' },
    { kind: 'open', side: 'outgoing', open: OPEN },
    { kind: 'keepalive', side: 'outgoing' },
  )

describe('timers', () => {
  it('KeepaliveTimer is a third of the negotiated hold time, less up to a quarter (RFC 4271 10)', () => {
    expect(nextDeadline(established(0))).to.equal(20_000)
    expect(nextDeadline(established(0.5))).to.equal(17_500)
    expect(nextDeadline(established(0.999_999))).to.be.closeTo(15_000, 1)
  })

  it('KeepaliveTimers of many peers fall together, and yet lie within the jitter', () => {
    const times = new Set<number>()
    for (let now = 0; now < 30_000; now += 97)
      for (let random = 0; random < 1; random += 0.09) {
        const at = keepaliveTimer(90_000, now, random)
        expect(at - now).to.be.within(22_500, 30_000)
        times.add(at)
      }
    expect([...times].sort((a, b) => a - b)).to.deep.equal(
      [6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map((n) => n * 3750),
    )
  })

  it('KeepaliveTimer is less where that is configured, and never more', () => {
    const due = (keepalive: number) => {
      const config = { ...CONFIG, keepalive }
      const events = ['connected', 'open', 'keepalive'] as const
      const state = events.reduce(
        (now, kind) => step(config, now, { kind, side: 'outgoing', open: OPEN } as never, 0, 0).state,
        step(config, INITIAL, { kind: 'start' }, 0, 0).state,
      )
      return nextDeadline(state)
    }
    expect(due(5000)).to.equal(5000)
    expect(due(300_000)).to.equal(20_000)
  })

  it('HoldTimer is the smaller of both offers, and is never shortened', () => {
    for (const random of [0, 0.5, 0.99]) {
      const { outgoing } = established(random)
      expect(outgoing?.deadline).to.equal(60_000)
    }
  })

  it('HoldTimer is four minutes until the OPEN (RFC 4271 8.2.2)', () => {
    expect(nextDeadline(after(0.5, { kind: 'start' }, { kind: 'connected' }))).to.equal(240_000)
  })

  it('ConnectRetryTimer doubles from a second to what is configured, less up to a quarter', () => {
    for (const [random, factor] of [
      [0, 1],
      [0.5, 0.875],
      [0.999_999, 0.75],
    ] as const) {
      let state = after(random, { kind: 'start' })
      const delays: number[] = []
      for (let i = 0; i < 9; i++) {
        state = step(CONFIG, state, { kind: 'closed', side: 'outgoing', error: 'no' }, 0, random).state
        delays.push(state.retryAt)
        state = step(CONFIG, state, { kind: 'tick', received: 0, sent: 0 }, state.retryAt, random).state
      }
      const wanted = [1, 2, 4, 8, 16, 32, 64, 120, 120].map((seconds) => seconds * 1000 * factor)
      for (const [i, delay] of delays.entries()) expect(delay).to.be.closeTo(wanted[i]!, 1)
    }
  })

  it('ConnectRetryTimer starts over with news of the peer, and is held back while many attempts are due', () => {
    let state = after(0, { kind: 'start' })
    for (let i = 0; i < 9; i++) {
      state = step(CONFIG, state, { kind: 'closed', side: 'outgoing', error: 'no' }, 0, 0).state
      const held = step(CONFIG, state, { kind: 'tick', received: 0, sent: 0, heldBack: true }, 1e9, 0)
      expect(held).to.deep.equal({ state, effects: [] })
      state = step(CONFIG, state, { kind: 'tick', received: 0, sent: 0 }, state.retryAt, 0).state
    }
    const news = step(CONFIG, state, { kind: 'retry' }, 0, 0)
    expect(news.effects.map(({ kind }) => kind)).to.deep.equal(['close', 'connect'])
    const failed = step(CONFIG, news.state, { kind: 'closed', side: 'outgoing', error: 'no' }, 0, 0).state
    expect(failed.retryAt).to.equal(1000)
    const up = established(0)
    expect(step(CONFIG, up, { kind: 'retry' }, 0, 0)).to.deep.equal({ state: up, effects: [] })
  })

  it('a peer that is found elsewhere is tried there at once, unless it waits for us or is barred', () => {
    const waiting = after(0, { kind: 'start' }, { kind: 'closed', side: 'outgoing', error: 'no' })
    const located = (state: FsmState, config = CONFIG) =>
      step(config, state, { kind: 'located' }, 0, 0).effects.map(({ kind }) => kind)
    expect(located(waiting)).to.deep.equal(['connect'])
    expect(located(after(0, { kind: 'start' }))).to.deep.equal(['close', 'connect'])
    expect(located(established(0))).to.deep.equal([])
    expect(located(waiting, { ...CONFIG, passive: true })).to.deep.equal([])
    expect(located({ ...waiting, barredUntil: 1 })).to.deep.equal([])
    expect(located(INITIAL)).to.deep.equal([])
  })
})
