// The successive sessions of one peer: the current one, the retained routes of the previous one, and why that ended.
import { formatId } from '../address.ts'
import type { PeerConfig } from '../config.ts'
import { BgpError } from '../errors.ts'
import { MAX_EXTENDED_LENGTH } from '../packet/codes.ts'
import type { Open } from '../packet/open.ts'
import { canonicalAddress } from '../peer-name.ts'
import type { DownReason } from '../snapshot.ts'
import type { Wire } from './connections/wire.ts'
import { downReason } from './down-reason.ts'
import type { EndReason } from './fsm/fsm-state.ts'
import type { PeerCounters } from './peer-counters.ts'
import type { Negotiated } from './session/negotiation.ts'
import { RetainedRoutes } from './session/retention.ts'
import { Session } from './session/session.ts'
import type { SpeakerContext } from './speaker-context.ts'

export class PeerSessions {
  /** undefined while not established. */
  current: Session | undefined
  /** Routes of the previous session, until the peer returns or their time is over. */
  retained: RetainedRoutes | undefined
  lastDown: DownReason | undefined
  readonly #speaker: SpeakerContext
  readonly #counters: PeerCounters
  readonly #peer: string

  /** `peer`: its name. */
  constructor(speaker: SpeakerContext, counters: PeerCounters, peer: string) {
    this.#speaker = speaker
    this.#counters = counters
    this.#peer = peer
  }

  /** The clock's time of the next work for `tick`. */
  get deadline(): number {
    const never = Number.POSITIVE_INFINITY
    return Math.min(this.retained?.deadline ?? never, this.current?.stale.deadline ?? never)
  }

  tick(now: number): void {
    this.current?.stale.expire(now)
    if (this.retained !== undefined && !this.retained.expire(now)) this.release()
  }

  /** `hold`: as negotiated, milliseconds. */
  begin(config: PeerConfig, wire: Wire, open: Open, negotiated: Negotiated, hold: number): void {
    const speaker = this.#speaker
    if (negotiated.extendedMessages) wire.framer.maxLength = MAX_EXTENDED_LENGTH
    wire.sentAt = wire.receivedAt = speaker.clock.now()
    const { retained } = this
    this.retained = undefined
    this.current = new Session({
      speaker,
      config,
      counters: this.#counters,
      wire,
      open,
      negotiated,
      hold,
      retained,
    })
    speaker.observer?.sessionUp(this.current)
    this.watchPath(config)
    this.#counters.established++
    const { families } = negotiated
    // Only emitted, not logged: the listener knows more of the peer, such as its name, and writes the one log line.
    const routerId = formatId(open.routerId)
    speaker.emitPeer({ kind: 'established', peer: this.#peer, routerId, families })
    speaker.restartProgress()
  }

  /** @param kept false: no routes are retained, whatever was negotiated. */
  end(reason: EndReason, kept: boolean): void {
    const session = this.current
    if (session === undefined) throw new BgpError('closed', 'no session to end')
    this.current = undefined
    const families = session.end(reason, kept)
    if (families.length > 0) {
      const now = this.#speaker.clock.now()
      this.retained = new RetainedRoutes(this.#speaker.rib, session.ingest, families, now)
      if (!this.retained.expire(now)) this.release()
    }
    this.#speaker.observer?.sessionDown(session, reason)
    this.lastDown = downReason(reason, true)
    this.#speaker.emitPeer({ kind: 'down', peer: this.#peer, reason: this.lastDown })
  }

  /** A connection ended before it was established. Beside a running session that is not the peer's last end: anybody may have tried. */
  failed(reason: EndReason): void {
    const down = downReason(reason, false)
    if (this.current === undefined) this.lastDown = down
    this.#speaker.log.debug('connection to peer failed', { peer: this.#peer, reason: down })
  }

  /** Drops the retained routes. */
  release(): void {
    if (this.retained === undefined) return
    this.retained.release()
    this.retained = undefined
    this.#speaker.log.debug('stale routes removed', { peer: this.#peer })
  }

  /** Starts BFD with the first session; it goes on while the session is down. */
  watchPath({ bfd }: PeerConfig): void {
    const connection = this.current?.wire.connection
    if (bfd === undefined || connection === undefined) return
    const { localAddress: local, remoteAddress } = connection
    this.#speaker.paths.watch(this.#peer, { remote: canonicalAddress(remoteAddress), local }, bfd)
  }
}
