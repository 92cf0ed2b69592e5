// The routing tables of a speaker: sources and groups around the two families' RIBs, and the flush that carries changes from one to the other.
import type { Clock } from '../clock.ts'
import type { Family } from '../config.ts'
import { FAMILIES } from '../negotiation.ts'
import { AttributeTable } from './attribute-table.ts'
import { BestPath } from './best-path.ts'
import { Dump } from './dump.ts'
import { FamilyRib } from './family-rib.ts'
import { type Flushed, FlushTimer } from './flush-timer.ts'
import { Ingest, type IngestPeer } from './ingest.ts'
import { addId, type Member, noIds } from './member.ts'
import { LOCAL, type Source } from './source.ts'
import type { UpdateGroup } from './update-group.ts'

/** Prefixes of one flush: some milliseconds of work. */
const SLICE = 4_096

export interface RibListener {
  /** Best paths that are others now, after a flush. */
  changed(rib: FamilyRib, prefixes: readonly number[]): void
  /** Attribute ids were freed: caches by id are void. */
  swept(): void
}

export class Rib {
  readonly attributes = new AttributeTable()
  readonly sources: (Source | undefined)[] = []
  readonly families: Readonly<Record<Family, FamilyRib>>
  readonly ingest: Ingest
  readonly groups = new Map<string, UpdateGroup>()
  readonly #clock: Clock
  readonly #listener: RibListener
  #dumps: Dump[] = []
  /** While selection is deferred: the prefixes that wait for its end. */
  #deferred: Readonly<Record<Family, number[]>> | undefined
  #settled: (() => void) | undefined
  #retiring: Source[] = []
  readonly #timer: FlushTimer

  constructor(clock: Clock, listener: RibListener, routerId: number, multipath = 1) {
    this.#clock = clock
    this.#timer = new FlushTimer(clock, () => this.#flush())
    this.#listener = listener
    const bestPath = new BestPath(this.attributes, this.sources, multipath)
    this.families = {
      'ipv4-unicast': new FamilyRib('ipv4-unicast', bestPath),
      'ipv6-unicast': new FamilyRib('ipv6-unicast', bestPath),
    }
    this.ingest = new Ingest(this.families, this.attributes)
    this.sources[LOCAL] = {
      index: LOCAL,
      kind: 'local',
      address: undefined,
      addressBytes: new Uint8Array(0),
      zone: undefined,
      routerId,
      client: false,
    }
  }

  addSource(source: Omit<Source, 'index'>): Source {
    const free = this.sources.indexOf(undefined)
    const index = free < 0 ? this.sources.length : free
    const added = { ...source, index }
    this.sources[index] = added
    return added
  }

  /** Forgets a source whose paths were dropped, once nobody needs to be told of that any more. */
  retire(source: Source): void {
    this.#retiring.push(source)
    this.schedule()
  }

  markStale(peer: IngestPeer, family: Family): void {
    this.ingest.markStale(peer, family)
  }

  sweepStale(peer: IngestPeer, family: Family): void {
    this.ingest.sweepStale(peer, family)
    this.schedule()
  }

  /** What is stale of a peer's becomes a last resort (RFC 9494). */
  keepLongLived(peer: IngestPeer, family: Family): void {
    this.ingest.keepLongLived(peer, family)
    this.schedule()
  }

  /** Applies a peer's import policy again. */
  reconsider(peer: IngestPeer, family: Family): void {
    this.ingest.reconsider(peer, family)
    this.schedule()
  }

  /** Sends a member everything of one family again (RFC 2918); once, however often it was asked for before that began. */
  refresh(group: UpdateGroup, member: Member, family: Family): void {
    if (this.#dumps.some((dump) => dump.willRepeat(member, family))) return
    this.#dumps.push(new Dump(group, [member], [family]))
    this.schedule()
  }

  /** Selects best paths of our own announcements only, until `endDeferral` (RFC 4724 section 4.1). */
  deferSelection(): void {
    this.#deferred = { 'ipv4-unicast': [], 'ipv6-unicast': [] }
  }

  /** Selects all that waited; calls `done` when it is on its way to the peers. */
  endDeferral(done: () => void): void {
    for (const family of FAMILIES)
      for (const prefix of this.#deferred?.[family] ?? []) this.families[family].dirty.push(prefix)
    this.#deferred = undefined
    this.#settled = done
    this.schedule()
  }

  /** Removes all paths of a source in one family. */
  drop(source: Source, family: Family): void {
    const rib = this.families[family]
    for (let path = rib.paths.first(source.index); path >= 0; path = rib.paths.first(source.index))
      rib.remove(path)
    this.schedule()
  }

  /** Puts a member into its group and starts to tell it everything. */
  join(group: UpdateGroup, member: Member): void {
    group.members.set(member.source.index, member)
    const dump = this.#dumps.find((candidate) => candidate.group === group && candidate.fresh)
    if (dump === undefined) this.#dumps.push(new Dump(group, [member]))
    else dump.members.add(member)
    this.schedule()
  }

  leave(group: UpdateGroup, member: Member): void {
    group.leave(member)
    for (const dump of this.#dumps) if (dump.group === group) dump.members.delete(member)
    if (!group.empty()) return
    for (const [key, candidate] of this.groups) if (candidate === group) this.groups.delete(key)
    for (const family of group.config.families) {
      const { queue, attribute, used } = group.out[family]
      const extra = group.extra[family]?.prefixes ?? []
      this.#release(this.families[family], [
        ...queue.take(queue.length),
        ...idsWith(attribute, used),
        ...extra,
      ])
    }
  }

  /** The group of that key, made and filled when there is none. */
  group(key: string, make: () => UpdateGroup): UpdateGroup {
    const known = this.groups.get(key)
    if (known !== undefined) return known
    const group = make()
    this.groups.set(key, group)
    for (const family of group.config.families) group.prime(this.families[family])
    return group
  }

  /** Moves a member to a group that tells other things; it is told the difference. */
  move(member: Member, from: UpdateGroup, to: UpdateGroup): void {
    const told = (family: Family): Set<number> => {
      if (!to.config.families.includes(family)) return new Set()
      const { attribute, used } = from.out[family]
      const { prefixes } = this.families[family]
      const best = idsWith(prefixes.bestAttribute, prefixes.used)
      return new Set([...idsWith(attribute, used), ...best, ...(from.extra[family]?.prefixes ?? [])])
    }
    const unfinished = this.#dumps.filter((dump) => dump.members.has(member)).flatMap((dump) => dump.ends)
    const ids = noIds()
    for (const family of FAMILIES)
      for (const id of from.extra[family]?.prefixes ?? [])
        for (const { prefix, pathId } of from.extra[family]!.all(id)) addId(ids[family], prefix, pathId)
    const prefixes = { 'ipv4-unicast': told('ipv4-unicast'), 'ipv6-unicast': told('ipv6-unicast') }
    to.adopt(member, unfinished, prefixes, ids)
    this.leave(from, member)
    this.schedule()
  }

  /** Something waits for room in a connection. */
  busy(): boolean {
    if (this.#dumps.length > 0) return true
    for (const group of this.groups.values()) if (group.busy()) return true
    return false
  }

  /** Flushes when the current turn of the event loop is done, or a little later. */
  schedule(): void {
    this.#timer.schedule()
  }

  /** There is room in a connection again. */
  drained(): void {
    if (this.busy()) this.#timer.hurry()
  }

  close(): void {
    this.#timer.close()
    this.#dumps = []
  }

  /** Selects best paths of what is dirty and passes the changes on; goes on in the next turn where there is much. */
  #flush(): Flushed {
    const now = this.#clock.now()
    let more = false
    let prefixes = 0
    let members = 0
    for (const family of FAMILIES) {
      const rib = this.families[family]
      more = this.#select(rib) || more
      for (const group of this.groups.values()) {
        if (!group.config.families.includes(family)) continue
        const worked = group.pump(rib, now, SLICE)
        this.#release(rib, worked)
        if (worked.length > 0 && group.out[family].queue.length > 0) more = true
        prefixes += worked.length
        members += group.members.size
      }
    }
    more = this.#continueDumps(now) || more
    if (this.#settled !== undefined && !more && !this.#queued()) this.#settle(this.#settled)
    if (this.attributes.wantsSweep()) this.#sweep()
    if (!more && this.#retiring.length > 0 && !this.busy()) this.#forgetSources()
    return { more, wide: prefixes < members }
  }

  #settle(done: () => void): void {
    this.#settled = undefined
    done()
  }

  /** A change waits to be told to a whole group. */
  #queued(): boolean {
    for (const { out } of this.groups.values())
      if (FAMILIES.some((family) => out[family].queue.length > 0)) return true
    return false
  }

  #forgetSources(): void {
    for (const { index } of this.#retiring) this.sources[index] = undefined
    this.#retiring = []
  }

  #select(rib: FamilyRib): boolean {
    const { dirty } = rib
    if (dirty.length === 0) return false
    const batch = dirty.take(SLICE)
    const ready = this.#deferred === undefined ? batch : this.#ready(rib, this.#deferred[rib.family], batch)
    const changed = ready.filter((prefix) => rib.select(prefix))
    for (const group of this.groups.values())
      if (group.config.families.includes(rib.family))
        group.offer(rib, group.extra[rib.family] === undefined ? changed : ready)
    if (changed.length > 0) this.#listener.changed(rib, changed)
    this.#release(rib, batch)
    return dirty.length > 0
  }

  /** What need not wait for peers: prefixes that are, or were, announced by ourselves. The others become deferred. */
  #ready(rib: FamilyRib, deferred: number[], batch: readonly number[]): readonly number[] {
    return batch.filter((prefix) => {
      const own = rib.lookup(prefix, LOCAL, 0) >= 0 || rib.prefixes.bestSource[prefix] === LOCAL
      if (!own) deferred.push(prefix)
      return own
    })
  }

  /** Gives back prefixes that nothing refers to any more. */
  #release(rib: FamilyRib, prefixes: readonly number[]): void {
    const { head, dirty, bestAttribute } = rib.prefixes
    for (const prefix of prefixes) {
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
    return false
  }

  #continueDumps(now: number): boolean {
    let more = false
    const left: Dump[] = []
    for (const dump of this.#dumps) {
      // RFC 7313 section 4.1: a repetition begins after End-of-RIB, and one at a time.
      if (dump.repeats && left.some((before) => before.shares(dump))) {
        left.push(dump)
        continue
      }
      const { state, split } = dump.slice(this.families, now)
      if (state !== 'done') left.push(dump)
      if (split !== undefined) left.push(split)
      if (state === 'more') more = true
    }
    this.#dumps = left
    return more
  }

  #sweep(): void {
    const marked = new Uint8Array(this.attributes.used)
    const mark = (ids: Int32Array, count: number) => {
      for (let i = 0; i < count; i++) if (ids[i]! >= 0) marked[ids[i]!] = 1
    }
    for (const family of FAMILIES) {
      const { paths, prefixes } = this.families[family]
      mark(paths.received, paths.used)
      mark(paths.attribute, paths.used)
      mark(prefixes.bestAttribute, prefixes.used)
      for (const group of this.groups.values()) {
        mark(group.out[family].attribute, group.out[family].used)
        for (const id of group.extra[family]?.attributes() ?? []) marked[id] = 1
      }
    }
    this.attributes.sweep(marked)
    this.#listener.swept()
  }
}

/** Ids below `used` with something in the column. */
function idsWith(column: Int32Array, used: number): number[] {
  const ids: number[] = []
  for (let id = 0; id < used; id++) if (column[id]! >= 0) ids.push(id)
  return ids
}
