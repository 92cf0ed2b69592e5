import { expect } from 'chai'
import {
  currentTransmitInterval,
  detectAt,
  type Effect,
  type FsmEvent,
  type FsmState,
  initialState,
  step,
} from './fsm.ts'
import { type BfdPacket, DIAGNOSTIC, SESSION_STATES, type SessionState } from './packet.ts'
import { seeded, testSeed } from './testing/random.ts'
import { type BfdParameters, jittered, SLOW_INTERVAL } from './timing.ts'

const PARAMETERS: BfdParameters = { desiredMinTx: 100, requiredMinRx: 200, detectMultiplier: 3 }

/** A session, the time, and what came out of it since it was last asked. */
class Subject {
  state: FsmState
  now = 0
  random = 0
  #effects: Effect[] = []

  constructor(parameters = PARAMETERS) {
    this.state = initialState(7, parameters, 0)
  }

  handle(event: FsmEvent): this {
    const { state, effects } = step(this.state, event, this.now, this.random)
    this.state = state
    this.#effects.push(...effects)
    return this
  }

  /** A packet of the neighbour: discriminator 9, intervals 100 ms, multiplier 5. */
  receive(state: SessionState, more: Partial<BfdPacket> = {}): this {
    return this.handle({ kind: 'receive', packet: packet(state, more) })
  }

  configure(change: Partial<BfdParameters>): this {
    return this.handle({ kind: 'configure', parameters: { ...this.state.configured, ...change } })
  }

  after(milliseconds: number, kind: 'transmit' | 'expire'): this {
    this.now += milliseconds
    return this.handle({ kind })
  }

  effects(): Effect[] {
    return this.#effects.splice(0)
  }

  sent(): BfdPacket[] {
    return this.effects().flatMap((effect) => (effect.kind === 'send' ? [effect.packet] : []))
  }

  kinds(): string[] {
    return this.effects().map(({ kind }) => kind)
  }
}

function packet(state: SessionState, more: Partial<BfdPacket> = {}): BfdPacket {
  return {
    diagnostic: 0,
    state,
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: 5,
    myDiscriminator: 9,
    yourDiscriminator: 7,
    desiredMinTx: 100_000,
    requiredMinRx: 100_000,
    requiredMinEchoRx: 0,
    ...more,
  }
}

function started(): Subject {
  return new Subject().handle({ kind: 'transmit' })
}

/** Up, its poll answered and over. */
function up(): Subject {
  const subject = started().receive('init').receive('up', { final: true }).receive('up')
  expect(subject.state.session).to.equal('up')
  expect(subject.state.poll).to.equal('idle')
  subject.effects()
  return subject
}

describe('a BFD session comes up', () => {
  it('starts down and says so at once, with no discriminator of the neighbour, once a second', () => {
    const subject = started()
    expect(subject.sent()).to.deep.equal([
      packet('down', {
        myDiscriminator: 7,
        yourDiscriminator: 0,
        detectMultiplier: 3,
        desiredMinTx: 1_000_000,
        requiredMinRx: 200_000,
      }),
    ])
    expect(subject.state.sendAt).to.equal(1000)
    expect(subject.after(999, 'transmit').sent()).to.deep.equal([])
    expect(subject.after(1, 'transmit').sent()).to.have.length(1)
  })

  it('goes to init when the neighbour is down, and tells it its own discriminator at once', () => {
    const subject = started()
    subject.effects()
    const [answer] = subject.receive('down', { yourDiscriminator: 0 }).sent()
    expect(answer).to.include({ state: 'init', yourDiscriminator: 9 })
  })

  it('goes up from down when the neighbour is in init', () => {
    expect(started().receive('init').kinds()).to.include('up')
  })

  it('stays down when a neighbour that is up does not know yet', () => {
    const subject = started().receive('up')
    expect(subject.state.session).to.equal('down')
  })

  it('goes up from init when the neighbour is in init or up, and stays while it is down', () => {
    for (const state of ['init', 'up'] as const)
      expect(started().receive('down').receive(state).state.session).to.equal('up')
    expect(started().receive('down').receive('down').state.session).to.equal('init')
  })

  it('transmits at the greater of what it wants and what the neighbour can take once it is up', () => {
    const subject = started().receive('init', { requiredMinRx: 150_000 })
    expect(currentTransmitInterval(subject.state)).to.equal(150)
    const slower = started().receive('init', { requiredMinRx: 50_000 })
    expect(currentTransmitInterval(slower.state)).to.equal(100)
  })

  it('announces its fast interval by a poll, which ends with the final', () => {
    const subject = started()
    subject.effects()
    const [first] = subject.receive('init').sent()
    expect(first).to.include({ state: 'up', poll: true, final: false, desiredMinTx: 100_000 })
    expect(subject.after(100, 'transmit').sent()[0]).to.include({ poll: true })
    subject.receive('up', { final: true })
    expect(subject.after(100, 'transmit').sent()[0]).to.include({ poll: false })
  })

  it('goes to init no sooner than the neighbour ends its administrative down', () => {
    const subject = started().receive('admin-down')
    expect(subject.state.session).to.equal('down')
    expect(subject.receive('down').state.session).to.equal('init')
  })
})

describe('a BFD session goes down', () => {
  it('when nothing came for the detection time: the multiplier and the slower of both ends', () => {
    const subject = up()
    expect(detectAt(subject.state)).to.equal(subject.now + 5 * 200)
    expect(subject.after(999, 'expire').kinds()).to.not.include('down')
    const effects = subject.after(1, 'expire').effects()
    expect(effects[0]).to.deep.equal({ kind: 'down', reason: 'detection-expired', diagnostic: 1 })
    expect(effects[1]).to.deep.include({ kind: 'send' })
    expect(subject.state.diagnostic).to.equal(DIAGNOSTIC.DETECTION_EXPIRED)
  })

  it('and then forgets the discriminator, slows down and says so at once', () => {
    const [last] = up().after(1000, 'expire').sent()
    expect(last).to.include({ state: 'down', diagnostic: 1, yourDiscriminator: 0, desiredMinTx: 1_000_000 })
  })

  it('with the slower interval of the neighbour where that is the greater', () => {
    const subject = up().receive('up', { desiredMinTx: 400_000 })
    expect(detectAt(subject.state)).to.equal(subject.now + 5 * 400)
  })

  it('when the neighbour says that it is down', () => {
    const effects = up().receive('down').effects()
    expect(effects[0]).to.deep.equal({ kind: 'down', reason: 'neighbor-down', diagnostic: 3 })
  })

  it('when the neighbour is administratively down, which is told apart', () => {
    const effects = up().receive('admin-down').effects()
    expect(effects[0]).to.deep.equal({ kind: 'down', reason: 'neighbor-admin-down', diagnostic: 3 })
  })

  it('from init without an event: it was not up', () => {
    const subject = started().receive('down')
    subject.effects()
    expect(subject.after(5000, 'expire').kinds()).to.deep.equal(['send'])
    expect(subject.state.session).to.equal('down')
  })

  it('not, when only the expiry of an earlier silence was put off', () => {
    const subject = up()
    subject.now += 1000
    subject.receive('up')
    expect(subject.handle({ kind: 'expire' }).kinds()).to.not.include('down')
    expect(subject.state.session).to.equal('up')
  })

  it('never by silence before anything was received', () => {
    const subject = started()
    subject.effects()
    expect(detectAt(subject.state)).to.equal(Number.POSITIVE_INFINITY)
    expect(subject.after(1e9, 'expire').kinds()).to.not.include('down')
  })

  it('and comes up again with a neighbour that restarted under another discriminator', () => {
    const subject = up().receive('down', { myDiscriminator: 10, yourDiscriminator: 0 })
    expect(subject.effects()[0]).to.include({ kind: 'down', reason: 'neighbor-down' })
    const [answer] = subject.receive('down', { myDiscriminator: 10 }).sent()
    expect(answer).to.include({ state: 'init', yourDiscriminator: 10 })
    expect(subject.receive('up', { myDiscriminator: 10 }).kinds()).to.include('up')
  })
})

describe('a BFD session that is administratively down', () => {
  it('says so at once and goes on saying it slowly', () => {
    const subject = up().handle({ kind: 'disable' })
    const [effect, send] = subject.effects()
    expect(effect).to.deep.equal({ kind: 'down', reason: 'admin-down', diagnostic: 7 })
    expect(send).to.deep.include({ kind: 'send' })
    expect(subject.after(SLOW_INTERVAL, 'transmit').sent()[0]).to.include({
      state: 'admin-down',
      diagnostic: 7,
    })
  })

  it('follows nothing that the neighbour says, and answers no poll', () => {
    const subject = up().handle({ kind: 'disable' })
    subject.effects()
    for (const state of SESSION_STATES) subject.receive(state, { poll: true })
    expect(subject.state.session).to.equal('admin-down')
    expect(subject.sent().filter(({ final }) => final)).to.deep.equal([])
  })

  it('starts anew when it is enabled', () => {
    const subject = up().handle({ kind: 'disable' })
    subject.effects()
    expect(subject.handle({ kind: 'enable' }).sent()[0]).to.include({ state: 'down', diagnostic: 0 })
    expect(subject.receive('down').receive('up').kinds()).to.include('up')
  })

  it('is not disabled or enabled twice', () => {
    const subject = up().handle({ kind: 'disable' })
    subject.effects()
    expect(subject.handle({ kind: 'disable' }).effects()).to.deep.equal([])
    subject.handle({ kind: 'enable' }).effects()
    expect(subject.handle({ kind: 'enable' }).effects()).to.deep.equal([])
  })
})

describe('a poll sequence', () => {
  it('is answered at once with a final, without a poll of our own in it', () => {
    const answers = up().receive('up', { poll: true }).sent()
    expect(answers).to.have.length(1)
    expect(answers[0]).to.include({ poll: false, final: true, state: 'up' })
  })

  it('is answered in every state but administratively down', () => {
    const down = started()
    down.effects()
    expect(down.receive('down', { poll: true }).sent()[0]).to.include({ final: true, state: 'init' })
  })

  it('precedes slower transmission', () => {
    const subject = up().configure({ desiredMinTx: 500 })
    expect(subject.sent()[0]).to.include({ poll: true, desiredMinTx: 500_000 })
    expect(currentTransmitInterval(subject.state)).to.equal(100)
    subject.receive('up', { final: true })
    expect(currentTransmitInterval(subject.state)).to.equal(500)
  })

  it('does not delay faster transmission', () => {
    const subject = up().receive('up', { requiredMinRx: 10_000 }).configure({ desiredMinTx: 20 })
    expect(subject.sent()[0]).to.include({ poll: true, desiredMinTx: 20_000 })
    expect(currentTransmitInterval(subject.state)).to.equal(20)
  })

  it('precedes faster detection', () => {
    const subject = up().configure({ requiredMinRx: 100 })
    expect(subject.sent()[0]).to.include({ poll: true, requiredMinRx: 100_000 })
    expect(detectAt(subject.state)).to.equal(subject.now + 5 * 200)
    subject.receive('up', { final: true })
    expect(detectAt(subject.state)).to.equal(subject.now + 5 * 100)
  })

  it('does not delay slower detection', () => {
    const subject = up().configure({ requiredMinRx: 1000 })
    expect(detectAt(subject.state)).to.equal(subject.now + 5 * 1000)
  })

  it('is repeated with the periodic packets until the final comes', () => {
    const subject = up().configure({ requiredMinRx: 100 })
    subject.effects()
    for (let i = 0; i < 3; i++) expect(subject.after(100, 'transmit').sent()[0]).to.include({ poll: true })
    subject.receive('up').after(100, 'transmit')
    expect(subject.sent()[0]).to.include({ poll: true })
    subject.receive('up', { final: true }).after(100, 'transmit')
    expect(subject.sent()[0]).to.include({ poll: false })
  })

  it('does not mix two changes: the second waits for the final and for a packet without it', () => {
    const subject = up().configure({ desiredMinTx: 500 }).configure({ desiredMinTx: 700 })
    expect(subject.sent().map(({ desiredMinTx }) => desiredMinTx)).to.deep.equal([500_000])
    subject.receive('up', { final: true })
    expect(subject.sent()).to.deep.equal([])
    expect(subject.receive('up').sent()[0]).to.include({ poll: true, desiredMinTx: 700_000 })
    expect(currentTransmitInterval(subject.state)).to.equal(500)
    subject.receive('up', { final: true })
    expect(currentTransmitInterval(subject.state)).to.equal(700)
  })

  it('is not started by a change of the multiplier, which is said at once', () => {
    const [said, ...others] = up().configure({ detectMultiplier: 9 }).sent()
    expect(said).to.include({ detectMultiplier: 9, poll: false })
    expect(others).to.deep.equal([])
  })
})

describe('the transmission of BFD packets', () => {
  it('is jittered by up to 25 %, with a multiplier of one to 75 to 90 %', () => {
    expect(jittered(100, 3, 0)).to.equal(100)
    expect(jittered(100, 3, 0.999999)).to.be.closeTo(75, 0.01)
    expect(jittered(100, 1, 0)).to.equal(90)
    expect(jittered(100, 1, 0.999999)).to.be.closeTo(75, 0.01)
  })

  it('uses the random number that it is given', () => {
    const subject = up()
    subject.random = 0.5
    subject.after(100, 'transmit')
    expect(subject.state.sendAt).to.equal(subject.now + 87.5)
  })

  it('stops while the neighbour wants nothing, and starts when it does', () => {
    const subject = up().receive('up', { requiredMinRx: 0 })
    expect(subject.after(1e6, 'transmit').sent()).to.deep.equal([])
    subject.receive('up', { requiredMinRx: 100_000 })
    expect(subject.handle({ kind: 'transmit' }).state.sendAt).to.be.lessThan(Number.POSITIVE_INFINITY)
    expect(subject.sent()).to.not.have.length(0)
  })

  it('stops while the neighbour is in demand mode, but not for a poll of ours', () => {
    const subject = up().receive('up', { demand: true })
    expect(subject.after(1e6, 'transmit').sent()).to.deep.equal([])
    subject.receive('up', { demand: true }).configure({ requiredMinRx: 300 })
    expect(subject.sent()[0]).to.include({ poll: true })
    expect(subject.after(100, 'transmit').sent()[0]).to.include({ poll: true })
    subject.receive('up', { demand: true, final: true })
    expect(subject.state.sendAt).to.equal(Number.POSITIVE_INFINITY)
  })

  it('honours at once a neighbour that can take more', () => {
    const subject = up().receive('up', { requiredMinRx: 5_000_000 }).after(200, 'transmit')
    subject.effects()
    expect(subject.state.sendAt - subject.now).to.be.greaterThan(1000)
    subject.receive('up', { requiredMinRx: 100_000 })
    expect(subject.sent()).to.have.length(1)
  })

  it('never sets the demand, multipoint or control plane bit', () => {
    const subject = up().after(100, 'transmit')
    expect(subject.sent()[0]).to.include({ demand: false, controlPlaneIndependent: false })
  })
})

describe('a BFD session under whatever comes', () => {
  const seed = testSeed()
  it(`keeps its invariants (SEED=${seed})`, () => {
    const random = seeded(seed)
    const subject = new Subject()
    const seen = new Set<SessionState>()
    for (let run = 0; run < 20_000; run++) {
      subject.now += random() * 300
      subject.random = random()
      const before = subject.state.session
      subject.handle(anyEvent(random))
      const effects = subject.effects()
      seen.add(subject.state.session)
      expectInvariants(subject.state, before, effects)
    }
    expect(seen).to.have.all.keys(...SESSION_STATES)
  })
})

function expectInvariants(state: FsmState, before: SessionState, effects: readonly Effect[]): void {
  const kinds = effects.map(({ kind }) => kind)
  expect(kinds.includes('up')).to.equal(before !== 'up' && state.session === 'up')
  expect(kinds.includes('down')).to.equal(before === 'up' && state.session !== 'up')
  expect(kinds.filter((kind) => kind === 'send').length).to.be.lessThan(3)
  expect(state.sendAt).to.not.be.NaN
  expect(detectAt(state)).to.not.be.NaN
  if (state.session !== 'up') expect(state.advertised.tx).to.be.least(SLOW_INTERVAL)
  for (const effect of effects) {
    if (effect.kind !== 'send') continue
    expect(effect.packet.poll && effect.packet.final).to.equal(false)
    if (effect.packet.yourDiscriminator === 0) expect(effect.packet.state).to.be.oneOf(['down', 'admin-down'])
  }
}

function anyEvent(random: () => number): FsmEvent {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  const chance = random()
  if (chance < 0.2) return { kind: pick(['transmit', 'expire'] as const) }
  if (chance < 0.22) return { kind: 'disable' }
  if (chance < 0.26) return { kind: 'enable' }
  const interval = () => pick([10, 50, 300, 2000])
  if (chance < 0.3) {
    const parameters = { desiredMinTx: interval(), requiredMinRx: interval(), detectMultiplier: pick([1, 3]) }
    return { kind: 'configure', parameters }
  }
  const state = pick(SESSION_STATES)
  const bits = pick([{}, { poll: true }, { final: true }])
  const requiredMinRx = pick([0, 10_000, 300_000])
  const demand = random() < 0.1
  return { kind: 'receive', packet: packet(state, { ...bits, requiredMinRx, demand, desiredMinTx: 50_000 }) }
}
