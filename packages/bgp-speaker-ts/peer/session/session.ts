// One established session: its source and update group in the RIB, its stale routes, End-of-RIB markers and route refresh.
import { isLinkLocal, parseScoped, splitZone } from '../../address.ts'
import type { Family, PeerConfig } from '../../config.ts'
import { encodeEndOfRib } from '../../packet/end-of-rib.ts'
import { FAMILY_CODES, familyOf } from '../../packet/families.ts'
import { encodeMessage } from '../../packet/message.ts'
import type { Open } from '../../packet/open.ts'
import { REFRESH, type RouteRefresh } from '../../packet/route-refresh.ts'
import { peerName } from '../../peer-name.ts'
import { groupKey, makeGroupConfig } from '../../rib/adj-rib-out/group-key.ts'
import type { Marker, Member } from '../../rib/adj-rib-out/member.ts'
import { UpdateGroup } from '../../rib/adj-rib-out/update-group.ts'
import type { Source } from '../../rib/source.ts'
import type { Wire } from '../connections/wire.ts'
import type { EndReason } from '../fsm/fsm-state.ts'
import type { PeerCounters } from '../peer-counters.ts'
import type { SpeakerContext } from '../speaker-context.ts'
import type { Negotiated } from './negotiation.ts'
import { type RetainedFamily, type RetainedRoutes, retainedFamilies } from './retention.ts'
import { SendHold } from './send-hold.ts'
import { type IngestOwner, SessionIngest } from './session-ingest.ts'
import { StaleRoutes } from './stale-routes.ts'

const NO_FAMILIES: readonly Family[] = []

export interface SessionInput {
  readonly speaker: SpeakerContext
  readonly config: PeerConfig
  readonly counters: PeerCounters
  readonly wire: Wire
  readonly open: Open
  readonly negotiated: Negotiated
  /** Negotiated hold time in milliseconds. */
  readonly hold: number
  /** Retained routes of the previous session, which this one takes over. */
  readonly retained: RetainedRoutes | undefined
}

export class Session implements Member, IngestOwner {
  readonly wire: Wire
  /** The peer's AS number. */
  readonly asn: number
  readonly negotiated: Negotiated
  readonly since: number
  readonly hold: number
  readonly ingest: SessionIngest
  readonly stale: StaleRoutes
  /** Families whose End-of-RIB the peer has sent. */
  endOfRib: readonly Family[] = NO_FAMILIES
  /** The source of its paths. */
  readonly source: Source
  readonly #speaker: SpeakerContext
  readonly counters: PeerCounters
  /** undefined while no bytes wait to be sent. */
  #sendHold: SendHold | undefined
  /** Families whose End-of-RIB waits for the end of our own restart, or for what is still to be announced. */
  #postponedEnds: readonly Family[] = NO_FAMILIES
  /** Families for which `near-prefix-limit` was emitted. */
  #nearLimit: readonly Family[] = NO_FAMILIES
  #config: PeerConfig
  #group: UpdateGroup
  #ended = false

  constructor({ speaker, config, counters, wire, open, negotiated, hold, retained }: SessionInput) {
    this.#speaker = speaker
    this.#config = config
    this.counters = counters
    this.wire = wire
    this.asn = open.asn
    this.negotiated = negotiated
    this.hold = hold
    this.since = speaker.clock.now()
    this.source = retained?.ingest.source ?? this.#addSource(open)
    this.source.routerId = open.routerId
    speaker.rib.setClient(this.source, config.routeReflectorClient === true)
    const { localAddress } = wire.connection
    this.ingest = new SessionIngest(this, speaker, config, negotiated, this.source, open.asn, localAddress)
    this.stale = new StaleRoutes(speaker.rib, this.ingest)
    if (retained !== undefined) this.#takeOver(retained)
    this.#group = this.#findGroup()
    speaker.rib.join(this.#group, this)
  }

  get #name(): string {
    return peerName(this.#config)
  }

  /** The peer has sent End-of-RIB for all families. */
  get caughtUp(): boolean {
    return this.negotiated.families.every((family) => this.endOfRib.includes(family))
  }

  /** Number of prefixes that are advertised to the peer. */
  get advertised(): number {
    return this.negotiated.families.reduce((sum, family) => sum + this.advertisedOf(family), 0)
  }

  advertisedOf(family: Family): number {
    if (!this.negotiated.families.includes(family)) return 0
    const { count, bySource } = this.#group.out[family]
    return count - (bySource[this.source.index] ?? 0)
  }

  /** A family with more prefixes than `maxPrefixes`; undefined: none. */
  get tooMany(): Family | undefined {
    const { received, maxPrefixes, beyondLimit } = this.ingest
    if (beyondLimit !== 'reset') return undefined
    return this.negotiated.families.find((family) => received[family] > maxPrefixes[family])
  }

  /** Applies the fields that need no session reset: policies, next hops, limits, whether the peer is a reflector's client. */
  reconfigure(config: PeerConfig): void {
    this.#config = config
    this.ingest.configure(config)
    for (const family of this.negotiated.families) this.#speaker.rib.reconsider(this.ingest, family)
    const group = this.#findGroup()
    if (group !== this.#group) this.#speaker.rib.move(this, this.#group, group)
    this.#group = group
    if (this.#postponedEnds.length > 0) this.#speaker.rib.whenSent(() => this.endRestart())
  }

  /** Asks the peer to send all routes of a family again (RFC 2918). Returns false when the peer has no route refresh or not this family. */
  requestRefresh(family: Family): boolean {
    if (!this.negotiated.routeRefresh || !this.negotiated.families.includes(family)) return false
    this.#sendRefresh(family, REFRESH.REQUEST)
    return true
  }

  /** Handles a ROUTE-REFRESH: a request for all routes (RFC 2918), or the begin or end of the peer's own repetition (RFC 7313). */
  refresh(message: RouteRefresh): undefined {
    const family = familyOf(message)
    // A family that was not negotiated is ignored (RFC 2918 section 4), and so is an unknown subtype (RFC 7313 section 5).
    if (family === undefined || !this.negotiated.families.includes(family)) return
    if (message.subtype === REFRESH.REQUEST) return void this.#speaker.rib.refresh(this.#group, this, family)
    // With graceful restart a repetition may not begin before End-of-RIB (RFC 7313 section 4.1).
    const early = this.negotiated.gracefulRestart !== undefined && !this.endOfRib.includes(family)
    if (!this.negotiated.enhancedRefresh || early) return
    if (message.subtype === REFRESH.BEGIN) this.stale.beginRefresh(family, this.#speaker.clock.now())
    else if (message.subtype === REFRESH.END) this.stale.end(family, 'refresh')
  }

  /** Our own restart is over, or all is announced: sends the End-of-RIB markers that waited for it, after the routes that are queued for the peer. */
  endRestart(): void {
    if (this.#holdsEnds || this.#ended) return
    const families = this.#postponedEnds
    this.#postponedEnds = NO_FAMILIES
    for (const family of families) this.#group.end(family, this)
  }

  /** Whether the peer has taken none of our bytes for longer than the send hold time (RFC 9687). */
  sendHoldExpired(now: number): boolean {
    const { pending, written } = this.wire
    if (pending === 0) {
      this.#sendHold = undefined
      return false
    }
    this.#sendHold ??= new SendHold(this.hold)
    return this.#sendHold.expired(written - pending, now)
  }

  /** Leaves the RIB. Returns the families whose routes stay as stale ones for the peer's return; `kept` false: none do. */
  end(reason: EndReason, kept: boolean): readonly RetainedFamily[] {
    this.#ended = true
    const { rib } = this.#speaker
    rib.leave(this.#group, this)
    const longLived = this.stale.clear()
    const families = kept
      ? retainedFamilies(reason, this.negotiated, this.#config.longLivedRestart?.most)
      : []
    for (const family of this.negotiated.families)
      if (!families.some((each) => each.family === family)) rib.drop(this.source, family)
    if (families.length === 0) rib.retire(this.source)
    return families.map((each) => {
      const longLivedUntil = longLived.get(each.family)
      return longLivedUntil === undefined ? each : { ...each, longLivedUntil }
    })
  }

  #addSource({ asn, routerId }: Open): Source {
    const { remoteAddress } = this.wire.connection
    const bytes = parseScoped(remoteAddress)
    return this.#speaker.rib.addSource({
      kind: asn === (this.#config.localAsn ?? this.#speaker.asn) ? 'ibgp' : 'ebgp',
      address: this.#name,
      remote: remoteAddress,
      zone: bytes !== undefined && isLinkLocal(bytes) ? splitZone(remoteAddress).zone : undefined,
      routerId,
      client: this.#config.routeReflectorClient === true,
    })
  }

  #takeOver(retained: RetainedRoutes): void {
    const families = retained.resume(this.negotiated)
    for (const { family } of families) {
      this.ingest.received[family] = retained.ingest.received[family]
      this.ingest.accepted[family] = retained.ingest.accepted[family]
    }
    this.stale.resume(families, this.since)
  }

  // Called by its update group:

  write(bytes: Uint8Array, messages: number): void {
    this.counters.messagesSent += messages
    this.counters.updatesSent += messages
    this.wire.write(bytes, this.#speaker.clock.now())
  }

  pending(): number {
    return this.wire.pending
  }

  rejected(reason: string, prefix: string): void {
    this.#reject('export', reason, prefix)
  }

  sendMarker(family: Family, kind: Marker): void {
    if (kind === 'end-of-rib') {
      if (this.#holdsEnds) this.#postponedEnds = [...this.#postponedEnds, family]
      else this.write(encodeEndOfRib(family), 1)
      return
    }
    // No BoRR or EoRR before the peer has our End-of-RIB (RFC 7313 section 4.1).
    if (!this.negotiated.enhancedRefresh || this.#postponedEnds.includes(family)) return
    this.#sendRefresh(family, kind === 'refresh-begin' ? REFRESH.BEGIN : REFRESH.END)
  }

  // Called by its ingest:

  notImported(reason: string, prefix: string): void {
    this.#reject('import', reason, prefix)
  }

  nearLimit(family: Family): void {
    if (this.#nearLimit.includes(family)) return
    this.#nearLimit = [...this.#nearLimit, family]
    const limit = this.ingest.maxPrefixes[family]
    this.#speaker.emitPeer({ kind: 'near-prefix-limit', peer: this.#name, family, limit })
  }

  treatedAsWithdraw(problem: string): void {
    this.counters.treatedAsWithdraw++
    this.#speaker.log.warn('malformed UPDATE treated as withdraw', { peer: this.#name, problem })
  }

  attributesDiscarded(problem: string): void {
    this.counters.attributesDiscarded++
    this.#speaker.log.debug('malformed attribute discarded', { peer: this.#name, problem })
  }

  heardEndOfRib(family: Family): void {
    if (!this.endOfRib.includes(family)) this.endOfRib = [...this.endOfRib, family]
    this.stale.end(family, 'restart')
    this.#speaker.observer?.endOfRib(this, family)
    // The routes before it, which may have arrived in the same bytes, are told before it.
    this.#speaker.rib.whenSelected(() => {
      if (!this.#ended) this.#speaker.emitPeer({ kind: 'end-of-rib', peer: this.#name, family })
    })
    this.#speaker.restartProgress()
  }

  get #holdsEnds(): boolean {
    const { gracefulRestart, holdEndOfRib } = this.#config
    return holdEndOfRib === true || (this.#speaker.restarting() && gracefulRestart !== undefined)
  }

  #findGroup(): UpdateGroup {
    const { rib } = this.#speaker
    const { exportPolicy } = this.#config
    const { localAddress } = this.wire.connection
    const config = makeGroupConfig(
      this.#config,
      this.#speaker,
      this.source.kind === 'ebgp',
      this.negotiated,
      localAddress,
    )
    return rib.group(
      groupKey(config, exportPolicy),
      () => new UpdateGroup(config, this.#speaker.engine(exportPolicy), rib.attributes, rib.sources),
    )
  }

  #sendRefresh(family: Family, subtype: number): void {
    this.counters.messagesSent++
    const message = encodeMessage({ kind: 'route-refresh', ...FAMILY_CODES[family], subtype })
    this.wire.write(message, this.#speaker.clock.now())
  }

  #reject(direction: 'import' | 'export', reason: string, prefix: string): void {
    this.counters.reject(reason)
    this.#speaker.emitReject({ peer: this.#name, direction, prefix, reason })
  }
}
