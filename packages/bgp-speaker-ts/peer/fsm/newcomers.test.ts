// Connections from the peer's address that nobody knows yet: what they may end (RFC 4271 section 8.2.2, RFC 4724 section 4.2).
import { expect } from 'chai'
import { NotificationError } from '../../errors.ts'
import type { Open } from '../../packet/open.ts'
import { step } from './fsm.ts'
import {
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  INITIAL,
  nextDeadline,
  stateName,
} from './fsm-state.ts'

const CONFIG: FsmConfig = {
  localAsn: 64512,
  localId: 10,
  peerAsn: 64513,
  hold: 90_000,
  connectRetry: 5000,
  passive: false,
  role: undefined,
  roleStrict: false,
  gracefulRestart: true,
}
const OPEN: Open = {
  asn: 64513,
  holdTime: 90,
  routerId: 5,
  capabilities: [{ kind: 'graceful-restart', restarting: false, notification: true, time: 60, families: [] }],
}
const BAD_TYPE = new NotificationError(1, 3, 'type 9')
const CEASE = { code: 6, subcode: 4, data: new Uint8Array(0) }

/** Feeds events and remembers their effects: `close outgoing`, `send-notification 1 2/2`. */
class Run {
  state: FsmState = INITIAL
  effects: string[] = []
  now = 0
  readonly config: FsmConfig

  constructor(config: Partial<FsmConfig> = {}) {
    this.config = { ...CONFIG, ...config }
  }

  on(event: FsmEvent): this {
    const { state, effects } = step(this.config, this.state, event, this.now, 0)
    this.state = state
    this.effects = effects.map((effect) => {
      const words: (string | number)[] = [effect.kind]
      if ('side' in effect) words.push(effect.side)
      if ('notification' in effect) words.push(`${effect.notification.code}/${effect.notification.subcode}`)
      return words.join(' ')
    })
    return this
  }

  /** A session over a connection of that side, which is settled. */
  static established(side: 'outgoing' | 'incoming', config: Partial<FsmConfig> = {}): Run {
    const run = new Run(config).on({ kind: 'start' })
    if (side === 'outgoing') run.on({ kind: 'connected' })
    else run.on({ kind: 'closed', side: 'outgoing', error: 'ECONNREFUSED' }).on({ kind: 'accepted' })
    run.on({ kind: 'open', side: side === 'outgoing' ? side : 1, open: OPEN }).on({ kind: 'keepalive', side })
    run.now = 20_000
    return run
  }
}

/** What a connection may say that is not the peer's, and how it is answered. */
const STRANGERS: Readonly<Record<string, readonly [FsmEvent, readonly string[]]>> = {
  nonsense: [{ kind: 'bad-message', side: 1, error: BAD_TYPE }, ['send-notification 1 1/3', 'close 1']],
  'another AS': [
    { kind: 'open', side: 1, open: { ...OPEN, asn: 64999 } },
    ['send-notification 1 2/2', 'close 1'],
  ],
  'a KEEPALIVE': [{ kind: 'keepalive', side: 1 }, ['send-notification 1 5/1', 'close 1']],
  'an UPDATE': [{ kind: 'unexpected', side: 1 }, ['send-notification 1 5/1', 'close 1']],
  'a NOTIFICATION': [{ kind: 'notification', side: 1, notification: CEASE }, ['close 1']],
  'its end': [{ kind: 'closed', side: 1, error: undefined }, []],
}

describe('a newcomer that', () => {
  for (const [name, [event, answer]] of Object.entries(STRANGERS)) {
    for (const side of ['outgoing', 'incoming'] as const) {
      it(`says ${name} leaves the session over the ${side} connection`, () => {
        const run = Run.established(side)
        const { [side]: session } = run.state
        expect(run.on({ kind: 'accepted' }).effects).to.deep.equal(['send-open 1'])
        expect(run.on(event).effects).to.deep.equal([...answer, 'failed'])
        expect(run.state).to.deep.include({ [side]: session, newcomers: [] })
        expect(stateName(run.state)).to.equal('established')
      })
    }

    it(`says ${name} leaves connections that are not established yet`, () => {
      const run = new Run().on({ kind: 'start' }).on({ kind: 'accepted' }).on({ kind: 'accepted' })
      run.on({ kind: 'open', side: 2, open: OPEN }).on({ kind: 'connected' })
      const { outgoing, incoming } = run.state
      expect([outgoing?.phase, incoming?.phase]).to.deep.equal(['open-sent', 'open-confirm'])
      expect(run.on(event).effects).to.deep.equal([...answer, 'failed'])
      expect(run.state).to.deep.include({ outgoing, incoming, newcomers: [] })
    })
  }

  it('is silent holds up no attempt of ours', () => {
    const run = new Run().on({ kind: 'start' }).on({ kind: 'accepted' })
    run.on({ kind: 'closed', side: 'outgoing', error: 'ECONNREFUSED' })
    run.now = nextDeadline(run.state)
    expect(run.now).to.equal(1000)
    expect(run.on({ kind: 'tick', received: 0, sent: 0 }).effects).to.deep.equal(['connect'])
  })

  it('is silent is ended when the time for an OPEN is over', () => {
    const run = Run.established('outgoing', { hold: 0 }).on({ kind: 'accepted' })
    run.now = nextDeadline(run.state)
    expect(run.now).to.equal(260_000)
    expect(run.on({ kind: 'tick', received: 0, sent: 0 }).effects).to.deep.equal([
      'send-notification 1 4/0',
      'close 1',
      'failed',
    ])
  })

  it('is one too many ends the oldest', () => {
    const run = Run.established('outgoing')
    for (let count = 0; count < 4; count++) run.on({ kind: 'accepted' })
    expect(run.on({ kind: 'accepted' }).effects).to.deep.equal([
      'send-notification 1 6/7',
      'close 1',
      'failed',
      'send-open 5',
    ])
    expect(run.state.newcomers.map(({ number }) => number)).to.deep.equal([2, 3, 4, 5])
  })
})

describe('the OPEN of a peer that is back', () => {
  const back: FsmEvent = { kind: 'open', side: 1, open: OPEN }

  for (const side of ['outgoing', 'incoming'] as const)
    it(`replaces the session over the ${side} connection, without a NOTIFICATION`, () => {
      const run = Run.established(side).on({ kind: 'accepted' }).on(back)
      expect(run.effects).to.deep.equal([`close ${side}`, 'down', 'promote', 'send-keepalive incoming'])
      expect(run.on({ kind: 'keepalive', side: 'incoming' }).effects).to.deep.equal(['established incoming'])
      expect(run.state.outgoing).to.equal(undefined)
    })

  it('replaces nothing where it has another identifier', () => {
    const run = Run.established('outgoing').on({ kind: 'accepted' })
    run.on({ ...back, open: { ...OPEN, routerId: 6 } })
    expect(run.effects).to.deep.equal(['send-notification 1 6/7', 'close 1', 'failed'])
    expect(stateName(run.state)).to.equal('established')
  })

  it('ends the other newcomers once its session is established', () => {
    const run = Run.established('outgoing').on({ kind: 'accepted' }).on({ kind: 'accepted' })
    run.on({ ...back, side: 2 }).on({ kind: 'keepalive', side: 'incoming' })
    expect(run.effects).to.deep.equal([
      'send-notification 1 6/7',
      'close 1',
      'failed',
      'established incoming',
    ])
  })

  const unsettled = Run.established('outgoing')
  unsettled.now = 9_999
  for (const [why, run] of [
    ['without graceful restart here', Run.established('outgoing', { gracefulRestart: false })],
    ['right after the session began, when it is the late one of a collision', unsettled],
  ] as const)
    it(`is not waited for ${why}`, () => {
      expect(run.on({ kind: 'accepted' }).effects).to.deep.equal([])
    })

  it('lets go of what it had opened when we are stopped', () => {
    const run = Run.established('outgoing').on({ kind: 'accepted' })
    run.on({ kind: 'stop', notification: CEASE })
    expect(run.effects.filter((effect) => effect.startsWith('close'))).to.deep.equal([
      'close outgoing',
      'close 1',
    ])
    expect(stateName(run.state)).to.equal('idle')
  })
})
