// Both ends connect in the same moment. Every order in which what they send can arrive is gone through: each time one connection becomes the session of both, and stays.
import { expect } from 'chai'
import type { Open } from '../../packet/open.ts'
import {
  type Act,
  type CollidingPeer,
  collidingPeer,
  type Heard,
  hear,
  type Opener,
  type Speaks,
} from '../../testing/colliding-peer.ts'
import { step } from './fsm.ts'
import { type Effect, type FsmConfig, type FsmEvent, type FsmState, INITIAL, type Side } from './fsm-state.ts'

const AT = 1000
const ASNS = [64512, 64513] as const

/** One of our speakers, and which connections its sides are. */
interface Ours {
  readonly speaks: 'ours'
  readonly number: Opener
  readonly id: number
  readonly fsm: FsmState
  readonly sides: Readonly<Record<string, Opener>>
}
type End = Ours | CollidingPeer

/** What one end still has to hear of a connection, in this order; undefined: it has closed its end. */
type Inbox = readonly Heard[] | undefined

interface World {
  readonly ends: readonly [End, End]
  /** By connection, then by the end that hears it. */
  readonly inboxes: readonly (readonly [Inbox, Inbox])[]
  /** `0 established 1`: end 0 has a session over the connection of end 1. */
  readonly told: readonly string[]
}

const RESTARTS = {
  kind: 'graceful-restart',
  restarting: false,
  notification: true,
  time: 60,
  families: [],
} as const

const IDS = { dominant: 20, other: 10 } as const

function configOf({ number, id }: Ours): FsmConfig {
  const [localAsn, peerAsn] = number === 0 ? ASNS : ([ASNS[1], ASNS[0]] as const)
  return {
    localAsn,
    localId: id,
    peerAsn,
    hold: 90_000,
    connectRetry: 5000,
    passive: false,
    role: undefined,
    roleStrict: false,
    gracefulRestart: true,
  }
}

/** The OPEN that this end hears. */
function openFor({ number, id }: Ours): Open {
  const routerId = id === IDS.dominant ? IDS.other : IDS.dominant
  return { asn: ASNS[number === 0 ? 1 : 0]!, holdTime: 90, routerId, capabilities: [RESTARTS] }
}

function ours(number: Opener, dominant: boolean): Ours {
  const id = dominant ? IDS.dominant : IDS.other
  const end: Ours = { speaks: 'ours', number, id, fsm: INITIAL, sides: { outgoing: number } }
  return { ...end, fsm: step(configOf(end), INITIAL, { kind: 'start' }, AT, 0).state }
}

/** Its session over its own connection is old enough for the peer to return. */
function inSession(number: Opener, dominant: boolean): Ours {
  const end = ours(number, dominant)
  const events: readonly FsmEvent[] = [
    { kind: 'connected' },
    { kind: 'open', side: 'outgoing', open: openFor(end) },
    { kind: 'keepalive', side: 'outgoing' },
  ]
  const fsm = events.reduce(
    (state, event) => step(configOf(end), state, event, AT - 20_000, 0).state,
    end.fsm,
  )
  return { ...end, fsm }
}

/** Both have sent their SYN. */
function begin(first: End, second: End): World {
  return {
    ends: [first, second],
    inboxes: [
      [['connected'], ['accepted']],
      [['accepted'], ['connected']],
    ],
    told: [],
  }
}

function eventOf(end: Ours, side: Side, heard: Heard): FsmEvent {
  switch (heard) {
    case 'connected':
    case 'accepted':
      return { kind: heard }
    case 'closed':
      return { kind: 'closed', side, error: undefined }
    case 'open':
      return { kind: 'open', side, open: openFor(end) }
    case 'keepalive':
      return { kind: 'keepalive', side }
    case 'update':
      return { kind: 'unexpected', side }
    case 'cease':
      return { kind: 'notification', side, notification: { code: 6, subcode: 7, data: new Uint8Array(0) } }
  }
}

function sideOf({ sides }: Ours, on: Opener): Side | undefined {
  const entry = Object.entries(sides).find(([, opener]) => opener === on)
  if (entry === undefined) return undefined
  return entry[0] === 'outgoing' || entry[0] === 'incoming' ? entry[0] : Number(entry[0])
}

/** One of our speakers hears something. */
function oursHears(
  end: Ours,
  on: Opener,
  heard: Heard,
): { readonly end: Ours; readonly acts: readonly Act[] } {
  const side = sideOf(end, on)
  if (side === undefined && heard !== 'accepted') return { end, acts: [] }
  // A session takes an UPDATE; the state machine does not hear of it.
  if (
    heard === 'update' &&
    side !== undefined &&
    typeof side !== 'number' &&
    end.fsm[side]?.phase === 'established'
  )
    return { end, acts: [] }
  const { state, effects } = step(configOf(end), end.fsm, eventOf(end, side ?? 0, heard), AT, 0)
  const acts = new Acts(end.sides, heard === 'accepted' ? on : undefined)
  if (heard === 'closed' && side !== undefined) delete acts.sides[side]
  for (const effect of effects) acts.take(effect)
  if (heard === 'accepted' && !Object.values(acts.sides).includes(on)) acts.list.push({ kind: 'close', on })
  return { end: { ...end, fsm: state, sides: acts.sides }, acts: acts.list }
}

/** What the effects of a step do to connections. */
class Acts {
  readonly list: Act[] = []
  readonly sides: Record<string, Opener>
  readonly #arriving: Opener | undefined

  constructor(sides: Readonly<Record<string, Opener>>, arriving: Opener | undefined) {
    this.sides = { ...sides }
    this.#arriving = arriving
  }

  take(effect: Effect): void {
    if (effect.kind === 'promote') {
      this.sides.incoming = this.sides[effect.newcomer]!
      delete this.sides[effect.newcomer]
    } else if (effect.kind === 'down') this.list.push({ kind: 'down', on: 0 })
    else if (effect.kind === 'connect') this.list.push({ kind: 'connect', on: 0 })
    else if ('side' in effect) this.#on(effect)
  }

  #on(effect: Extract<Effect, { side: Side }>): void {
    if (effect.kind === 'send-open' && this.#arriving !== undefined && typeof effect.side === 'number')
      this.sides[effect.side] = this.#arriving
    const on = this.sides[effect.side]!
    if (effect.kind === 'close') {
      this.list.push({ kind: 'close', on })
      delete this.sides[effect.side]
    } else if (effect.kind === 'established')
      this.list.push({ kind: 'established', on }, { kind: 'send', on, message: 'update' })
    else this.list.push({ kind: 'send', on, message: MESSAGES[effect.kind] })
  }
}
const MESSAGES = { 'send-open': 'open', 'send-keepalive': 'keepalive', 'send-notification': 'cease' } as const

/** The world after this end has heard the first thing that waits for it on a connection. */
function deliver(world: World, on: Opener, at: Opener): World {
  const [heard, ...rest] = world.inboxes[on]![at]!
  const inboxes = world.inboxes.map((pair) => [...pair] as [Inbox, Inbox])
  inboxes[on]![at] = heard === 'closed' ? undefined : rest
  const before = world.ends[at]
  const turn =
    before.speaks === 'ours'
      ? oursHears(before, on, heard!)
      : (({ peer, acts }) => ({ end: peer, acts }))(hear(before, on, heard!))
  const told = [...world.told]
  const other = at === 0 ? 1 : 0
  for (const act of turn.acts) {
    const pair = inboxes[act.on]!
    if (act.kind === 'send') pair[other] = pair[other]?.concat(act.message)
    else if (act.kind === 'close') {
      pair[other] = pair[other]?.concat('closed')
      pair[at] = undefined
    } else told.push(`${at} ${act.kind} ${act.on}`)
  }
  const ends: readonly [End, End] = at === 0 ? [turn.end, world.ends[1]] : [world.ends[0], turn.end]
  return { ends, inboxes, told: told.sort() }
}

/** How it may end, and by which steps each for the first time: `connection@end heard`. */
function outcomes(start: World): ReadonlyMap<string, string> {
  const ends = new Map<string, string>()
  const seen = new Set<string>()
  const open: { readonly world: World; readonly path: readonly string[] }[] = [{ world: start, path: [] }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { world, path } = next
    const key = JSON.stringify(world)
    if (seen.has(key)) continue
    seen.add(key)
    const steps = world.inboxes.flatMap((pair, on) =>
      pair.flatMap((inbox, at) => (inbox !== undefined && inbox.length > 0 ? [[on, at] as const] : [])),
    )
    for (const [on, at] of steps) {
      const step = `${on}@${at} ${world.inboxes[on]![at]![0]}`
      open.push({ world: deliver(world, on as Opener, at as Opener), path: [...path, step] })
    }
    if (steps.length === 0 && !ends.has(outcome(world))) ends.set(outcome(world), path.join(', '))
  }
  return ends
}

function outcome({ told, inboxes }: World): string {
  const open = inboxes.flatMap((pair, on) => (pair.some((inbox) => inbox !== undefined) ? [on] : []))
  return `${told.join(', ')}; open: ${open.join()}`
}

/** One session of both over one connection, which is the only one, and nothing before it. */
const GOOD = [0, 1].map((on) => `0 established ${on}, 1 established ${on}; open: ${on}`)

describe('two ends that connect in the same moment have one session at once, in whatever order they hear of each other:', () => {
  const bad = (first: End, second: End) =>
    [...outcomes(begin(first, second))].filter(([end]) => !GOOD.includes(end))

  it('two of ours', () => {
    expect(bad(ours(0, true), ours(1, false))).to.deep.equal([])
  })

  for (const speaks of ['rfc', 'frr', 'bird', 'single'] as const satisfies readonly Speaks[])
    for (const dominant of [true, false])
      it(`one of ours with ${dominant ? 'the higher' : 'the lower'} identifier and ${speaks}`, () => {
        expect(bad(ours(0, dominant), collidingPeer(speaks, 1, !dominant))).to.deep.equal([])
      })

  for (const dominant of [true, false])
    it(`one with ${dominant ? 'the higher' : 'the lower'} identifier that has not heard of the end of its session, and the other one that is back`, () => {
      const world: World = {
        ends: [inSession(0, dominant), ours(1, !dominant)],
        inboxes: [
          [['closed'], undefined],
          [['accepted'], ['connected']],
        ],
        told: [],
      }
      expect([...outcomes(world).keys()]).to.deep.equal([
        '0 down 0, 0 established 1, 1 established 1; open: 1',
      ])
    })

  it('what is to be avoided happens to two that do as the RFC says', () => {
    expect(bad(collidingPeer('rfc', 0, true), collidingPeer('rfc', 1, false))).not.to.deep.equal([])
  })
})
