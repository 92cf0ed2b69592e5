// The routing tables of a speaker: the RIBs of both families, the sources of their paths, the update groups, and the flush that carries changes from RIB to groups.
import type { Prefix } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { Family } from '../config.ts'
import { FAMILIES } from '../packet/families.ts'
import { type FlushResult, FlushTimer } from './adj-rib-out/flush-timer.ts'
import { InitialSyncQueue } from './adj-rib-out/initial-sync-queue.ts'
import { addId, type Member, noIds } from './adj-rib-out/member.ts'
import type { UpdateGroup } from './adj-rib-out/update-group.ts'
import { AttributeTable } from './attribute-table.ts'
import { BestPath } from './best-path.ts'
import { Deferral } from './deferral.ts'
import { FamilyRib } from './family-rib.ts'
import { Ingest } from './ingest.ts'
import type { IngestPeer } from './ingest-peer.ts'
import type { RibObserver } from './rib-observer.ts'
import type { Source, SourceInfo } from './source.ts'
import { Sources } from './sources.ts'
import { sweepAttributes } from './sweep.ts'

/** Most prefixes of one flush, which are some milliseconds of work. */
const SLICE = 4_096

export interface RibListener {
  /** The best paths of these prefixes changed in a flush. */
  changed(rib: FamilyRib, prefixes: Int32Array): void
  /** Any path of these prefixes changed, the best or not. */
  touched(rib: FamilyRib, prefixes: Int32Array): void
  /** Attribute ids were freed: caches by id are invalid. */
  swept(): void
  /** A flush is over; it may have sent something. */
  flushed(): void
}

export class Rib {
  readonly attributes = new AttributeTable()
  readonly #sources: Sources
  readonly families: Readonly<Record<Family, FamilyRib>>
  readonly ingest: Ingest
  readonly groups = new Map<string, UpdateGroup>()
  readonly #clock: Clock
  readonly #listener: RibListener
  readonly #syncs = new InitialSyncQueue()
  readonly #deferral = new Deferral()
  readonly #timer: FlushTimer
  #observer: RibObserver | undefined
  /** Called once no prefix waits for selection. */
  #selected: (() => void)[] = []
  #unsent: (() => void)[] = []

  constructor(clock: Clock, listener: RibListener, routerId: number, multipath = 1) {
    this.#clock = clock
    this.#timer = new FlushTimer(clock, () => this.#flush())
    this.#listener = listener
    this.#sources = new Sources(routerId)
    const bestPath = new BestPath(this.attributes, this.sources, multipath)
    this.families = {
      'ipv4-unicast': new FamilyRib('ipv4-unicast', bestPath),
      'ipv6-unicast': new FamilyRib('ipv6-unicast', bestPath),
    }
    this.ingest = new Ingest(this.families, this.attributes)
  }

  /** By index. */
  get sources(): readonly (Source | undefined)[] {
    return this.#sources.all
  }

  addSource(info: SourceInfo): Source {
    return this.#sources.add(info)
  }

  /** Lets an observer follow what peers send; undefined: nobody does. */
  observe(observer: RibObserver | undefined): void {
    this.#observer = observer
    this.ingest.observer = observer
  }

  /** The observer needs these prefixes no more. */
  release(family: Family, prefixes: Int32Array): void {
    this.#release(this.families[family], prefixes)
  }

  /** Frees the index of a source whose paths were dropped, once all peers have been sent the withdrawals. */
  retire(source: Source): void {
    this.#sources.retire(source)
    this.schedule()
  }

  /** Makes a peer a route reflector client, or an ordinary one again: its paths are passed to others than before (RFC 4456 section 6). */
  setClient(source: Source, client: boolean): void {
    if (source.client === client) return
    source.client = client
    for (const family of FAMILIES) this.#exportAgain(this.families[family], source)
    this.schedule()
  }

  markStale(peer: IngestPeer, family: Family): void {
    this.ingest.markStale(peer, family)
  }

  sweepStale(peer: IngestPeer, family: Family): void {
    this.ingest.sweepStale(peer, family)
    this.schedule()
  }

  /** Turns a peer's stale routes into long-lived stale ones (RFC 9494). */
  keepLongLived(peer: IngestPeer, family: Family): void {
    this.ingest.keepLongLived(peer, family)
    this.schedule()
  }

  /** Judges anew the routes that lie in one of these prefixes, of those peers whose routes are validated. */
  revalidate(peers: readonly IngestPeer[], ranges: readonly Prefix[]): void {
    this.ingest.revalidate(peers, ranges)
    this.schedule()
  }

  /** Applies a peer's import policy again. */
  reconsider(peer: IngestPeer, family: Family): void {
    this.ingest.reconsider(peer, family)
    this.schedule()
  }

  /** Repeats all routes of a family for a member (RFC 2918); once, however often the member asks before the repetition begins. */
  refresh(group: UpdateGroup, member: Member, family: Family): void {
    this.#syncs.repeat(group, member, family)
    this.schedule()
  }

  /** Limits selection to our own announcements until `endDeferral` (RFC 4724 section 4.1). */
  deferSelection(): void {
    this.#deferral.begin()
  }

  /** Selects the deferred prefixes; calls `done` when their changes were sent to the peers. */
  endDeferral(done: () => void): void {
    this.#deferral.end(this.families, done)
    this.schedule()
  }

  /** Calls `done` when the paths that are there now have been selected from, and users were told of the best ones. */
  whenSelected(done: () => void): void {
    this.#selected.push(done)
    this.schedule()
  }

  /** Removes all paths of a source in one family. */
  drop(source: Source, family: Family): void {
    const rib = this.families[family]
    for (let path = rib.paths.first(source.index); path >= 0; path = rib.paths.first(source.index))
      rib.remove(path)
    this.schedule()
  }

  /** Adds a member to its group and starts its initial sync. */
  join(group: UpdateGroup, member: Member): void {
    group.members.set(member.source.index, member)
    this.#syncs.join(group, member)
    this.schedule()
  }

  leave(group: UpdateGroup, member: Member): void {
    group.leave(member)
    this.#syncs.leave(group, member)
    if (!group.empty()) return
    for (const [key, candidate] of this.groups) if (candidate === group) this.groups.delete(key)
    for (const family of group.config.families) {
      const { queue, attribute, used } = group.out[family]
      const extra = group.extra[family]?.prefixes ?? []
      const ids = [...queue.take(queue.length), ...idsWith(attribute, used), ...extra]
      this.#release(this.families[family], Int32Array.from(ids))
    }
  }

  /** Returns the group of that key; makes and fills it when there is none. */
  group(key: string, make: () => UpdateGroup): UpdateGroup {
    const known = this.groups.get(key)
    if (known !== undefined) return known
    const group = make()
    this.groups.set(key, group)
    for (const family of group.config.families) group.prime(this.families[family])
    return group
  }

  /** Moves a member to another group and sends it the difference. */
  move(member: Member, from: UpdateGroup, to: UpdateGroup): void {
    const told = (family: Family): Set<number> => {
      if (!to.config.families.includes(family)) return new Set()
      const { attribute, used } = from.out[family]
      const { prefixes } = this.families[family]
      const best = idsWith(prefixes.bestAttribute, prefixes.used)
      return new Set([...idsWith(attribute, used), ...best, ...(from.extra[family]?.prefixes ?? [])])
    }
    const unfinished = this.#syncs.ends(member)
    const ids = noIds()
    for (const family of FAMILIES)
      for (const id of from.extra[family]?.prefixes ?? [])
        for (const { prefix, pathId } of from.extra[family]!.all(id)) addId(ids[family], prefix, pathId)
    const prefixes = { 'ipv4-unicast': told('ipv4-unicast'), 'ipv6-unicast': told('ipv6-unicast') }
    to.adopt(member, unfinished, prefixes, ids)
    this.leave(from, member)
    this.schedule()
  }

  /** Whether work waits for room in a connection. */
  busy(): boolean {
    if (!this.#syncs.empty) return true
    for (const group of this.groups.values()) if (group.busy()) return true
    return false
  }

  /** Calls `done` when the changes until now were sent to the peers. */
  whenSent(done: () => void): void {
    this.#unsent.push(done)
    this.schedule()
  }

  /** Schedules a flush at the end of this turn of the event loop, or a little later (see FlushTimer). */
  schedule(): void {
    this.#timer.schedule()
  }

  /** A connection has room again: goes on with work that waited for it. */
  drained(): void {
    if (this.busy()) this.#timer.hurry()
  }

  close(): void {
    this.#timer.close()
    this.#syncs.clear()
  }

  /** Selects the best paths of dirty prefixes and passes the changes to the groups; goes on in the next turn when there are many. */
  #flush(): FlushResult {
    const now = this.#clock.now()
    let more = false
    let prefixes = 0
    let members = 0
    for (const family of FAMILIES) more = this.#select(this.families[family]) || more
    if (!more) this.#tellSelected()
    for (const family of FAMILIES) {
      const rib = this.families[family]
      for (const group of this.groups.values()) {
        if (!group.config.families.includes(family)) continue
        const worked = group.pump(rib, now, SLICE)
        this.#release(rib, worked)
        if (worked.length > 0 && group.out[family].queue.length > 0) more = true
        prefixes += worked.length
        members += group.members.size
      }
    }
    more = this.#syncs.work(this.families, now) || more
    if (!more && !this.#queued()) this.#tellSent()
    if (this.#deferral.ended && !more && !this.#queued()) this.#deferral.settle()
    if (this.attributes.wantsSweep()) this.#sweep()
    if (!more && this.#sources.retiring && !this.busy()) this.#sources.forget()
    this.#listener.flushed()
    return { more, wide: prefixes < members }
  }

  #tellSent(): void {
    const waiting = this.#unsent
    this.#unsent = []
    for (const done of waiting) done()
  }

  #tellSelected(): void {
    const waiting = this.#selected
    this.#selected = []
    for (const done of waiting) done()
  }

  /** Whether a change waits in the queue of a group. */
  #queued(): boolean {
    for (const { out } of this.groups.values())
      if (FAMILIES.some((family) => out[family].queue.length > 0)) return true
    return false
  }

  /** Decides anew to whom the paths of a source are sent. */
  #exportAgain(rib: FamilyRib, { index }: Source): void {
    const prefixes: number[] = []
    for (let path = rib.paths.first(index); path >= 0; path = rib.paths.following(path))
      prefixes.push(rib.paths.prefix[path]!)
    for (const group of this.groups.values())
      if (group.config.families.includes(rib.family)) group.enqueue(rib, Int32Array.from(prefixes))
  }

  #select(rib: FamilyRib): boolean {
    const { dirty } = rib
    if (dirty.length === 0) return false
    const batch = dirty.take(SLICE)
    const ready = this.#deferral.ready(rib, batch)
    const changed = rib.selectAll(ready)
    for (const group of this.groups.values())
      if (group.config.families.includes(rib.family))
        group.enqueue(rib, group.extra[rib.family] === undefined ? changed : ready)
    if (changed.length > 0) this.#listener.changed(rib, changed)
    if (ready.length > 0) this.#listener.touched(rib, ready)
    this.#release(rib, batch)
    return dirty.length > 0
  }

  /** Removes prefixes that nothing refers to any more. */
  #release(rib: FamilyRib, prefixes: Int32Array): void {
    const { head, dirty, bestAttribute } = rib.prefixes
    for (let i = 0; i < prefixes.length; i++) {
      const prefix = prefixes[i]!
      if (
        !rib.prefixes.has(prefix) ||
        head[prefix]! >= 0 ||
        dirty[prefix] === 1 ||
        bestAttribute[prefix]! >= 0
      )
        continue
      if (!this.#held(rib.family, prefix)) rib.prefixes.remove(prefix)
    }
  }

  #held(family: Family, prefix: number): boolean {
    for (const group of this.groups.values()) if (group.holds(family, prefix)) return true
    return this.#observer?.holds(family, prefix) === true
  }

  #sweep(): void {
    sweepAttributes(this.attributes, this.families, [...this.groups.values()])
    this.#listener.swept()
  }
}

/** Ids below `used` whose value in the column is not negative. */
function idsWith(column: Int32Array, used: number): number[] {
  const ids: number[] = []
  for (let id = 0; id < used; id++) if (column[id]! >= 0) ids.push(id)
  return ids
}
