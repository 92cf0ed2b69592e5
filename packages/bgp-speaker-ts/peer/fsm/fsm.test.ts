// The state machine as a pure function.
import { expect } from 'chai'
import { NotificationError } from '../../errors.ts'
import type { Open } from '../../packet/open.ts'
import { survivor } from './collision.ts'
import { step } from './fsm.ts'
import {
  type Effect,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  INITIAL,
  nextDeadline,
  type Side,
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
  gracefulRestart: false,
}
const OPEN: Open = { asn: 64513, holdTime: 30, routerId: 5, capabilities: [] }
const NOTHING = { code: 6, subcode: 2, data: new Uint8Array(0) }

/** Feeds events and remembers what came of them. */
class Run {
  state: FsmState = INITIAL
  effects: readonly Effect[] = []
  now = 1000
  readonly config: FsmConfig

  constructor(config: Partial<FsmConfig> = {}) {
    this.config = { ...CONFIG, ...config }
  }

  on(event: FsmEvent): this {
    ;({ state: this.state, effects: this.effects } = step(this.config, this.state, event, this.now, 0))
    return this
  }

  at(now: number): this {
    this.now = now
    return this
  }

  /** A session over the given side. */
  establish(side: Side = 'outgoing'): this {
    this.on({ kind: 'start' }).on(side === 'outgoing' ? { kind: 'connected' } : { kind: 'accepted' })
    const opens = side === 'incoming' ? 1 : side
    return this.on({ kind: 'open', side: opens, open: OPEN }).on({ kind: 'keepalive', side })
  }

  kinds(): string[] {
    return this.effects.map((effect) => ('side' in effect ? `${effect.kind} ${effect.side}` : effect.kind))
  }

  sent(): string[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'send-notification'
        ? [`${effect.notification.code}/${effect.notification.subcode} ${effect.side}`]
        : [],
    )
  }

  name() {
    return stateName(this.state)
  }
}

describe('the state machine', () => {
  it('goes from idle to established over a connection of its own', () => {
    const run = new Run()
    expect(run.name()).to.equal('idle')
    expect(run.on({ kind: 'start' }).kinds()).to.deep.equal(['connect'])
    expect(run.name()).to.equal('connect')
    expect(run.on({ kind: 'connected' }).kinds()).to.deep.equal(['send-open outgoing'])
    expect(run.name()).to.equal('open-sent')
    expect(run.on({ kind: 'open', side: 'outgoing', open: OPEN }).kinds()).to.deep.equal([
      'send-keepalive outgoing',
    ])
    expect(run.name()).to.equal('open-confirm')
    expect(run.on({ kind: 'keepalive', side: 'outgoing' }).kinds()).to.deep.equal(['established outgoing'])
    expect(run.name()).to.equal('established')
  })

  it('waits for the peer when it is passive', () => {
    const run = new Run({ passive: true }).on({ kind: 'start' })
    expect(run.effects).to.deep.equal([])
    expect(run.name()).to.equal('active')
    expect(run.on({ kind: 'accepted' }).kinds()).to.deep.equal(['send-open 1'])
    expect(run.on({ kind: 'open', side: 1, open: OPEN }).kinds()).to.deep.equal([
      'promote',
      'send-keepalive incoming',
    ])
  })

  it('takes the lower hold time and sends keepalives at a third of it', () => {
    const run = new Run().establish()
    expect(run.effects[0]).to.deep.include({ kind: 'established', hold: 30_000 })
    expect(nextDeadline(run.state)).to.equal(10_000)
    expect(run.at(10_000).on({ kind: 'tick', received: 1000, sent: 1000 }).kinds()).to.deep.equal([
      'send-keepalive outgoing',
    ])
    expect(nextDeadline(run.state)).to.equal(20_000)
  })

  it('sends no keepalive and expects none with hold time 0', () => {
    const run = new Run({ hold: 0 }).establish()
    expect(nextDeadline(run.state)).to.equal(Number.POSITIVE_INFINITY)
  })

  it('ends the session when the hold timer expires, not before', () => {
    const run = new Run().establish()
    run.at(31_000).on({ kind: 'tick', received: 20_000, sent: 31_000 })
    expect(run.name()).to.equal('established')
    expect(run.at(50_000).on({ kind: 'tick', received: 20_000, sent: 50_000 }).sent()).to.deep.equal([
      '4/0 outgoing',
    ])
    expect(run.kinds()).to.include('down')
  })

  it('connects again after a failure, later each time, up to the limit', () => {
    const run = new Run().on({ kind: 'start' })
    const delays = []
    for (let i = 0; i < 5; i++) {
      run.on({ kind: 'closed', side: 'outgoing', error: 'ECONNREFUSED' })
      delays.push(run.state.retryAt - run.now)
      expect(run.at(run.state.retryAt).on({ kind: 'tick', received: 0, sent: 0 }).kinds()).to.deep.equal([
        'connect',
      ])
    }
    expect(delays).to.deep.equal([1000, 2000, 4000, 5000, 5000])
  })

  it('gives a connection attempt up after ten seconds', () => {
    const run = new Run().on({ kind: 'start' }).at(11_000).on({ kind: 'tick', received: 0, sent: 0 })
    expect(run.kinds()).to.deep.equal(['close outgoing', 'failed'])
  })

  it('refuses an OPEN of another AS with 2/2 and of its own identifier in its own AS with 2/3', () => {
    const run = new Run().on({ kind: 'start' }).on({ kind: 'connected' })
    expect(run.on({ kind: 'open', side: 'outgoing', open: { ...OPEN, asn: 1 } }).sent()).to.deep.equal([
      '2/2 outgoing',
    ])
    const same = new Run({ peerAsn: 64512 }).on({ kind: 'start' }).on({ kind: 'connected' })
    expect(
      same.on({ kind: 'open', side: 'outgoing', open: { ...OPEN, asn: 64512, routerId: 10 } }).sent(),
    ).to.deep.equal(['2/3 outgoing'])
  })

  it('takes an OPEN that is said twice for one, before the session is there, and no other', () => {
    const confirm = () =>
      new Run()
        .on({ kind: 'start' })
        .on({ kind: 'connected' })
        .on({ kind: 'open', side: 'outgoing', open: OPEN })
    const twice = confirm()
    expect(twice.on({ kind: 'open', side: 'outgoing', open: { ...OPEN } }).effects).to.deep.equal([])
    expect(twice.on({ kind: 'keepalive', side: 'outgoing' }).kinds()).to.deep.equal(['established outgoing'])
    const another = { ...OPEN, routerId: OPEN.routerId + 1 }
    expect(confirm().on({ kind: 'open', side: 'outgoing', open: another }).sent()).to.deep.equal([
      '5/2 outgoing',
    ])
  })

  it('answers a message that does not belong there with 5/1, 5/2 or 5/3 (RFC 6608)', () => {
    const sent = new Run().on({ kind: 'start' }).on({ kind: 'connected' })
    expect(sent.on({ kind: 'keepalive', side: 'outgoing' }).sent()).to.deep.equal(['5/1 outgoing'])
    const confirm = new Run()
      .on({ kind: 'start' })
      .on({ kind: 'connected' })
      .on({ kind: 'open', side: 'outgoing', open: OPEN })
    expect(confirm.on({ kind: 'unexpected', side: 'outgoing' }).sent()).to.deep.equal(['5/2 outgoing'])
    expect(new Run().establish().on({ kind: 'open', side: 'outgoing', open: OPEN }).sent()).to.deep.equal([
      '5/3 outgoing',
    ])
  })

  it('answers a malformed message with what the RFC names, and is down', () => {
    const run = new Run().establish()
    run.on({ kind: 'bad-message', side: 'outgoing', error: new NotificationError(3, 10, 'bad prefix') })
    expect(run.sent()).to.deep.equal(['3/10 outgoing'])
    expect(run.kinds().slice(-2)).to.deep.equal(['close outgoing', 'down'])
  })

  it('does not answer a NOTIFICATION', () => {
    const run = new Run().establish().on({ kind: 'notification', side: 'outgoing', notification: NOTHING })
    expect(run.kinds()).to.deep.equal(['close outgoing', 'down'])
  })

  it('stops with the notification it is given, and stays idle', () => {
    const run = new Run().establish().on({ kind: 'stop', notification: NOTHING })
    expect(run.sent()).to.deep.equal(['6/2 outgoing'])
    expect(run.name()).to.equal('idle')
    expect(run.at(1e9).on({ kind: 'tick', received: 0, sent: 0 }).effects).to.deep.equal([])
    expect(run.on({ kind: 'accepted' }).effects).to.deep.equal([])
  })

  it('connects again after a reset', () => {
    const run = new Run().establish().on({ kind: 'reset', notification: NOTHING })
    expect(run.sent()).to.deep.equal(['6/2 outgoing'])
    expect(run.at(run.state.retryAt).on({ kind: 'tick', received: 0, sent: 0 }).kinds()).to.deep.equal([
      'connect',
    ])
  })
})

describe('collision detection (RFC 4271 6.8)', () => {
  const both = (config: Partial<FsmConfig> = {}) =>
    new Run(config).on({ kind: 'start' }).on({ kind: 'connected' }).on({ kind: 'accepted' })

  it('keeps the connection of the side with the higher BGP identifier', () => {
    expect(survivor(10, 1, { ...OPEN, routerId: 5 })).to.equal('outgoing')
    expect(survivor(4, 1, { ...OPEN, routerId: 5 })).to.equal('incoming')
    expect(survivor(0xf0000000, 1, { ...OPEN, routerId: 5 })).to.equal('outgoing')
  })

  it('decides by AS number where the identifiers are equal (RFC 6286)', () => {
    expect(survivor(5, 64514, OPEN)).to.equal('outgoing')
    expect(survivor(5, 64512, OPEN)).to.equal('incoming')
  })

  for (const order of [
    ['outgoing', 1],
    [1, 'outgoing'],
  ] as const) {
    it(`closes the loser with 6/7 when the OPENs come on ${order.join(', then on ')}`, () => {
      const run = both()
      run.on({ kind: 'open', side: order[0], open: OPEN })
      run.on({ kind: 'open', side: order[1], open: OPEN })
      expect(run.sent()).to.deep.equal(['6/7 incoming'])
      expect(run.state.incoming).to.equal(undefined)
      expect(run.on({ kind: 'keepalive', side: 'outgoing' }).kinds()).to.deep.equal(['established outgoing'])
    })
  }

  it('takes no second connection while one is established', () => {
    const run = new Run().establish()
    expect(run.on({ kind: 'accepted' }).effects).to.deep.equal([])
    expect(run.name()).to.equal('established')
  })

  it('closes the other connections once one is established', () => {
    const run = both({ localId: 4 }).on({ kind: 'open', side: 1, open: OPEN }).on({ kind: 'accepted' })
    run.on({ kind: 'keepalive', side: 'incoming' })
    expect(run.sent()).to.deep.equal(['6/7 outgoing', '6/7 1'])
    expect(run.kinds().at(-1)).to.equal('established incoming')
  })

  it('takes a newer connection of the peer for an older one that is not established, once it has sent its OPEN', () => {
    const run = both({ localId: 4 }).on({ kind: 'open', side: 1, open: OPEN })
    expect(run.on({ kind: 'accepted' }).kinds()).to.deep.equal(['send-open 1'])
    run.on({ kind: 'open', side: 1, open: OPEN })
    expect(run.sent()).to.deep.equal(['6/7 incoming'])
    expect(run.kinds().slice(-2)).to.deep.equal(['promote', 'send-keepalive incoming'])
  })

  it('sends no KEEPALIVE on what the peer opened while its own connection may get the OPEN that decides', () => {
    const run = both().on({ kind: 'open', side: 1, open: OPEN }).on({ kind: 'keepalive', side: 'incoming' })
    expect(run.kinds()).to.deep.equal([])
    expect(run.name()).to.equal('open-confirm')
    run.on({ kind: 'closed', side: 'outgoing', error: undefined })
    expect(run.kinds()).to.deep.equal(['failed', 'send-keepalive incoming', 'established incoming'])
  })

  it('waits five seconds for a connection on which nothing comes', () => {
    const run = both().on({ kind: 'open', side: 1, open: OPEN })
    expect(nextDeadline(run.state)).to.equal(run.now + 5000)
    run.at(run.now + 5000).on({ kind: 'tick', received: 0, sent: 0 })
    expect(run.sent()).to.deep.equal(['6/7 outgoing'])
    expect(run.kinds().at(-1)).to.equal('send-keepalive incoming')
    expect(nextDeadline(run.state)).to.be.greaterThan(run.now)
  })

  it('waits no longer than a third of the hold time, so that the connection is there afterwards', () => {
    const run = both({ hold: 3000 }).on({ kind: 'open', side: 1, open: OPEN })
    expect(nextDeadline(run.state)).to.equal(run.now + 1000)
    run.at(run.now + 2000).on({ kind: 'tick', received: 0, sent: 0 })
    expect(run.kinds().at(-1)).to.equal('send-keepalive incoming')
  })

  it('waits a second for an attempt that nobody answers', () => {
    const run = new Run().on({ kind: 'start' }).at(1300).on({ kind: 'accepted' })
    run.on({ kind: 'open', side: 1, open: OPEN }).on({ kind: 'keepalive', side: 'incoming' })
    expect(nextDeadline(run.state)).to.equal(2000)
    run.at(2000).on({ kind: 'tick', received: 0, sent: 0 })
    expect(run.kinds()).to.deep.equal([
      'close outgoing',
      'failed',
      'send-keepalive incoming',
      'established incoming',
    ])
  })

  it('leaves the choice to a peer with the higher identifier, until it shows it or five seconds have passed', () => {
    const undecided = () =>
      both({ localId: 4 })
        .on({ kind: 'open', side: 'outgoing', open: OPEN })
        .on({ kind: 'open', side: 1, open: OPEN })
    const routes = undecided().on({ kind: 'keepalive', side: 'outgoing' })
    expect(routes.kinds()).to.deep.equal([])
    routes.on({ kind: 'unexpected', side: 'outgoing' })
    expect(routes.sent()).to.deep.equal(['6/7 incoming'])
    expect(routes.kinds().at(-1)).to.equal('established outgoing')
    const other = undecided().on({ kind: 'keepalive', side: 'incoming' })
    expect(other.sent()).to.deep.equal(['6/7 outgoing'])
    expect(other.kinds().slice(-2)).to.deep.equal(['send-keepalive incoming', 'established incoming'])
    const heard = undecided().on({ kind: 'keepalive', side: 'outgoing' })
    heard.at(heard.now + 5000).on({ kind: 'tick', received: 0, sent: heard.now })
    expect(heard.kinds().at(-1)).to.equal('established outgoing')
    const silent = undecided()
    silent.at(silent.now + 5000).on({ kind: 'tick', received: 0, sent: silent.now })
    expect(silent.kinds().slice(-1)).to.deep.equal(['send-keepalive incoming'])
    expect(nextDeadline(silent.state)).to.be.greaterThan(silent.now)
  })

  it('takes the connection that it opened for the peer’s where one with another identifier comes', () => {
    const run = both().on({ kind: 'open', side: 'outgoing', open: OPEN })
    run.on({ kind: 'open', side: 1, open: { ...OPEN, routerId: 0xf0000000 } })
    expect(run.sent()).to.deep.equal(['6/7 1'])
    expect(run.state.outgoing?.phase).to.equal('open-confirm')
  })
})
