// How other speakers resolve the collision of two connections (RFC 4271 section 6.8), each as a small model of its source.
//
//   rfc       an OPEN looks at connections in OpenConfirm
//   frr       and in OpenSent: bgp_collision_detect() of bgpd
//   bird      as rfc; and an OPEN ends attempts that nobody has answered: bgp_rx_open()
//   single    GoBGP and OpenBGPD: takes the first connection that comes about, and closes others without a word

export type Speaks = 'rfc' | 'frr' | 'bird' | 'single'

/** Connections have the number of the end that opened them. */
export type Opener = 0 | 1

export type Message = 'open' | 'keepalive' | 'update' | 'cease'

export type Heard = 'connected' | 'accepted' | 'closed' | Message

export type Act =
  | { readonly kind: 'send'; readonly on: Opener; readonly message: Message }
  | { readonly kind: 'close'; readonly on: Opener }
  | { readonly kind: 'connect' | 'established' | 'down'; readonly on: Opener }

type Phase = 'connecting' | 'open-sent' | 'open-confirm' | 'established'

export interface CollidingPeer {
  readonly speaks: Speaks
  readonly number: Opener
  /** It has the higher identifier: what it has opened stays. */
  readonly dominant: boolean
  readonly phases: Readonly<Partial<Record<Opener, Phase>>>
}

export function collidingPeer(speaks: Speaks, number: Opener, dominant: boolean): CollidingPeer {
  return { speaks, number, dominant, phases: { [number]: 'connecting' } }
}

interface Turn {
  readonly peer: CollidingPeer
  readonly acts: readonly Act[]
}

export function hear(peer: CollidingPeer, on: Opener, heard: Heard): Turn {
  const turn = new Working(peer)
  turn.hear(on, heard)
  return { peer: { ...peer, phases: turn.phases }, acts: turn.acts }
}

class Working {
  readonly acts: Act[] = []
  readonly phases: Partial<Record<Opener, Phase>>
  readonly #peer: CollidingPeer

  constructor(peer: CollidingPeer) {
    this.#peer = peer
    this.phases = { ...peer.phases }
  }

  hear(on: Opener, heard: Heard): void {
    const phase = this.phases[on]
    if (heard === 'accepted') this.#accept(on)
    else if (phase === undefined) return
    else if (heard === 'connected') this.#sendOpen(on)
    else if (heard === 'open') this.#open(on)
    else if (heard === 'keepalive') this.#keepalive(on, phase)
    else if (heard === 'cease' || heard === 'closed') this.#end(on, undefined)
  }

  #accept(on: Opener): void {
    const other = this.phases[otherThan(on)]
    const { speaks } = this.#peer
    const takes = speaks === 'single' ? other === undefined || other === 'connecting' : true
    if (!takes || (other === 'established' && speaks !== 'bird')) {
      this.#close(on)
      return
    }
    if (speaks === 'single' && other === 'connecting') this.#end(otherThan(on), undefined)
    this.#sendOpen(on)
  }

  #sendOpen(on: Opener): void {
    this.acts.push({ kind: 'send', on, message: 'open' })
    this.phases[on] = 'open-sent'
  }

  #open(on: Opener): undefined {
    const other = otherThan(on)
    const phase = this.phases[other]
    const { speaks, number, dominant } = this.#peer
    if (phase === 'connecting' && speaks === 'bird') this.#end(other, undefined)
    if (phase === 'established') return this.#end(on, 'cease')
    if (phase === 'open-confirm' || (phase === 'open-sent' && speaks === 'frr')) {
      const stays = (on === number) === dominant
      if (!stays) return this.#end(on, 'cease')
      this.#end(other, 'cease')
    }
    this.acts.push({ kind: 'send', on, message: 'keepalive' })
    this.phases[on] = 'open-confirm'
  }

  #keepalive(on: Opener, phase: Phase): void {
    if (phase !== 'open-confirm') return
    this.phases[on] = 'established'
    this.acts.push({ kind: 'established', on }, { kind: 'send', on, message: 'update' })
    const other = otherThan(on)
    // BIRD waits for its OPEN.
    if (this.phases[other] !== undefined && this.#peer.speaks !== 'bird') this.#end(other, 'cease')
  }

  #end(on: Opener, last: 'cease' | undefined): undefined {
    if (this.phases[on] === 'established') this.acts.push({ kind: 'down', on })
    if (last !== undefined && this.phases[on] !== 'connecting')
      this.acts.push({ kind: 'send', on, message: last })
    delete this.phases[on]
    this.#close(on)
  }

  #close(on: Opener): void {
    this.acts.push({ kind: 'close', on })
  }
}

function otherThan(opener: Opener): Opener {
  return opener === 0 ? 1 : 0
}
