// What the passing of time makes of a connection, by itself and as a step of the state machine.
import { expect } from 'chai'
import type { Open } from '../../packet/open.ts'
import { step } from './fsm.ts'
import { type FsmConfig, type FsmEvent, type FsmState, INITIAL, type Link } from './fsm-state.ts'
import { keepUp, soleSession } from './keep-up.ts'

const CONFIG: FsmConfig = {
  ...{ localAsn: 64512, localId: 10, peerAsn: 64513, hold: 90_000, connectRetry: 5000 },
  ...{ passive: false, role: undefined, roleStrict: false, gracefulRestart: false },
}
const OPEN: Open = { asn: 64513, holdTime: 90, routerId: 9, capabilities: [] }

const OTHER: Link = { phase: 'open-sent', deadline: 240_000 }

const after = (...events: readonly FsmEvent[]) =>
  events.reduce((state, event) => step(CONFIG, state, event, 0, 0).state, INITIAL)

const established = (hold = 90) =>
  after(
    { kind: 'start' },
    { kind: 'connected' },
    { kind: 'open', side: 'outgoing', open: { ...OPEN, holdTime: hold } },
    { kind: 'keepalive', side: 'outgoing' },
  )

describe('a session that is kept up', () => {
  const session = established().outgoing!
  const at = (
    now: number,
    { received = 0, sent = 0, link = session, most = undefined as number | undefined } = {},
  ) => keepUp(link, { now, random: 0.5, received, sent }, most)

  it('has nothing to do before its KEEPALIVE is due', () => {
    expect(at(29_999)).to.deep.equal({ link: session, sends: false })
    expect(at(29_999)?.link).to.equal(session)
  })

  it('sends it, and counts the hold time from when the peer was heard, so that it is looked at no earlier', () => {
    const next = at(30_000, { received: 25_000 })
    expect(next).to.deep.equal({
      link: { ...session, deadline: 115_000, keepaliveAt: 56_250 },
      sends: true,
    })
  })

  it('sends none where something else was sent', () => {
    const next = at(30_000, { received: 29_000, sent: 20_000 })
    expect(next).to.deep.equal({
      link: { ...session, deadline: 119_000, keepaliveAt: 50_000 },
      sends: false,
    })
  })

  it('ends when the peer has been silent for the hold time, and not before', () => {
    expect(at(89_999, { received: 0 })?.link).to.include({ deadline: 90_000 })
    expect(at(90_000, { received: 0 })).to.equal(undefined)
    expect(at(90_000, { received: 1 })?.link).to.include({ deadline: 90_001 })
  })

  it('has no end without a hold time', () => {
    const link = established(0).outgoing!
    expect(at(1e9, { link })).to.deep.equal({ link, sends: false })
  })

  it('is the only thing that a tick is for, where it is the only connection', () => {
    expect(soleSession(established())).to.equal('outgoing')
    const link: Link = session
    expect(soleSession({ ...INITIAL, running: true, incoming: link })).to.equal('incoming')
    for (const state of [
      INITIAL,
      after({ kind: 'start' }),
      after({ kind: 'start' }, { kind: 'connected' }),
      { ...established(), incoming: OTHER } as FsmState,
      { ...established(), newcomers: [{ number: 1, link: OTHER }] } as FsmState,
    ])
      expect(soleSession(state)).to.equal(undefined)
  })

  it('is the same by itself as in a step of the state machine', () => {
    const state = established()
    for (const [now, received, sent] of [
      [10, 0, 0],
      [30_000, 25_000, 0],
      [30_000, 29_000, 20_000],
      [95_000, 89_000, 60_000],
    ] as const) {
      const whole = step(CONFIG, state, { kind: 'tick', received, sent }, now, 0.5)
      const { link, sends } = at(now, { received, sent })!
      expect(whole.state).to.deep.equal({ ...state, outgoing: link })
      expect(whole.effects.map(({ kind }) => kind)).to.deep.equal(sends ? ['send-keepalive'] : [])
    }
    const over = step(CONFIG, state, { kind: 'tick', received: 0, sent: 0 }, 90_000, 0.5)
    expect(over.effects.map(({ kind }) => kind)).to.deep.equal(['send-notification', 'close', 'down'])
  })
})
