// Adj-RIB-Out of all peers that are told the same: one decision and one encoding for the group, the same buffer written to every member.
import type { Family } from '../config.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import { Announcer } from './announcer.ts'
import type { AttributeTable } from './attribute-table.ts'
import { NO_IDS } from './columns.ts'
import { ExportRules, NOTHING } from './export-rules.ts'
import { BEST_ID, type ExtraPath, ExtraPaths } from './extra-paths.ts'
import type { FamilyRib } from './family-rib.ts'
import type { GroupConfig } from './group-key.ts'
import type { Member, PathIds } from './member.ts'
import { OutTable } from './out-table.ts'
import { SlowPeers } from './slow-peers.ts'
import { NOBODY, type Source } from './source.ts'

export class UpdateGroup {
  readonly config: GroupConfig
  readonly members = new Map<number, Member>()
  readonly #slow: SlowPeers
  /** Families whose Adj-RIB-Out is filled: until then nothing is sent, and then all of it by a sync. */
  readonly #primed = new Set<Family>()
  readonly out: Readonly<Record<Family, OutTable>> = {
    'ipv4-unicast': new OutTable(),
    'ipv6-unicast': new OutTable(),
  }
  /** Paths beside the best ones, where members take them. */
  readonly extra: Readonly<Partial<Record<Family, ExtraPaths>>>
  readonly #rules: ExportRules
  readonly #sources: readonly (Source | undefined)[]
  readonly #announcer: Announcer
  /** What the last update changed beside best paths. */
  #changedExtra: readonly ExtraPath[] = []

  constructor(
    config: GroupConfig,
    policy: PolicyEngine | undefined,
    attributes: AttributeTable,
    sources: readonly (Source | undefined)[],
  ) {
    this.config = config
    this.extra = Object.fromEntries(config.addPath.map((family) => [family, new ExtraPaths()]))
    this.#slow = new SlowPeers(this.members)
    this.#sources = sources
    this.#rules = new ExportRules(config, policy, attributes)
    this.#announcer = new Announcer(attributes, sources, this.#rules, config.maxLength)
  }

  /** Best paths changed: they wait until `pump`. */
  enqueue(rib: FamilyRib, prefixes: Int32Array): void {
    const out = this.out[rib.family]
    out.ensure(rib.prefixes.length.length, rib.prefixes.used)
    for (let i = 0; i < prefixes.length; i++) {
      const prefix = prefixes[i]!
      if (out.waiting[prefix] === 1) continue
      out.waiting[prefix] = 1
      out.queue.push(prefix)
    }
  }

  /** Fills Adj-RIB-Out of a new group. */
  prime(rib: FamilyRib): void {
    const { bestAttribute, used } = rib.prefixes
    const prefixes: number[] = []
    for (let prefix = 0; prefix < used; prefix++)
      if (rib.prefixes.has(prefix) && bestAttribute[prefix]! >= 0) prefixes.push(prefix)
    if (prefixes.length === 0) this.#primed.add(rib.family)
    this.enqueue(rib, Int32Array.from(prefixes))
  }

  primed(family: Family): boolean {
    return this.#primed.has(family)
  }

  empty(): boolean {
    return this.members.size === 0 && this.#slow.size === 0
  }

  /** Something waits, for room in a connection or for the next flush. */
  busy(): boolean {
    return (
      this.#slow.size > 0 ||
      this.out['ipv4-unicast'].queue.length > 0 ||
      this.out['ipv6-unicast'].queue.length > 0
    )
  }

  /** Sends End-of-RIB, after what the member still has to be told. */
  end(family: Family, member: Member): void {
    const late = this.#slow.get(member.source.index)
    if (late === undefined) member.sendMarker(family, 'end-of-rib')
    else late.ends.push(family)
  }

  /** A member that was told `told` by another group: it gets the difference, and the End-of-RIB markers that are missing. */
  adopt(
    member: Member,
    ends: readonly Family[],
    told: Readonly<Record<Family, ReadonlySet<number>>>,
    ids: Readonly<Record<Family, PathIds>>,
  ): void {
    const missed = {
      'ipv4-unicast': new Set(told['ipv4-unicast']),
      'ipv6-unicast': new Set(told['ipv6-unicast']),
    }
    this.#slow.add(member, missed, ids, ends)
  }

  /** Works through what waits, unless a member's connection is full; returns the prefixes worked on. */
  pump(rib: FamilyRib, now: number, most: number): Int32Array {
    const worked = this.#work(rib, now, most)
    if (this.#primed.has(rib.family))
      this.#slow.catchUp(rib.family, (member, prefixes, ids) => this.#repeat(rib, prefixes, ids, member))
    return worked
  }

  #work(rib: FamilyRib, now: number, most: number): Int32Array {
    const out = this.out[rib.family]
    if (out.queue.length === 0 || this.#slow.blocked(now)) return NO_IDS
    const prefixes = out.queue.take(most)
    for (let i = 0; i < prefixes.length; i++) out.waiting[prefixes[i]!] = 0
    this.#update(rib, prefixes)
    if (out.queue.length === 0) this.#primed.add(rib.family)
    this.#slow.miss(rib.family, prefixes, this.#changedExtra)
    return prefixes
  }

  /** Whether a prefix is advertised or waits to be looked at: then its id must not be given to another. */
  holds(family: Family, prefix: number): boolean {
    const out = this.out[family]
    if (prefix >= out.used) return false
    if (out.attribute[prefix]! >= 0 || out.waiting[prefix] === 1 || this.#slow.size > 0) return true
    return this.extra[family]?.holds(prefix) === true
  }

  leave(member: Member): void {
    this.members.delete(member.source.index)
    this.#slow.delete(member.source.index)
  }

  /** Best paths changed: brings Adj-RIB-Out up to date and tells the members. */
  #update(rib: FamilyRib, prefixes: Int32Array): undefined {
    const out = this.out[rib.family]
    const extra = this.#begin(rib)
    out.ensure(rib.prefixes.length.length, rib.prefixes.used)
    const withdrawals = new Map<number, number>()
    const only = new Map<number, number[]>()
    const sole = this.#only()
    for (let i = 0; i < prefixes.length; i++) {
      const prefix = prefixes[i]!
      const attribute = this.#decide(rib, prefix)
      const source = attribute < 0 ? NOBODY : rib.prefixes.bestSource[prefix]!
      const oldAttribute = out.attribute[prefix]!
      const oldSource = out.source[prefix]!
      if (attribute === oldAttribute && source === oldSource) continue
      out.set(prefix, attribute, source)
      if (attribute >= 0) {
        if (source !== sole) this.#announcer.announce(rib, prefix, attribute, source)
        // The new source had been told of the old path: for it alone the prefix is gone.
        if (oldAttribute >= 0 && oldSource !== source && this.members.has(source)) push(only, source, prefix)
      } else {
        rib.prefixes.next[prefix] = withdrawals.get(oldSource) ?? -1
        withdrawals.set(oldSource, prefix)
      }
    }
    const others = extra === undefined ? [] : this.#updateExtra(rib, extra, prefixes)
    this.#changedExtra = others
    if (!this.#primed.has(rib.family)) return this.#announcer.drop()
    for (const [source, head] of withdrawals) this.#announcer.withdraw(rib, head, source)
    this.#announcer.encode(rib)
    this.#announcer.send(this.members.values())
    for (const [source, list] of only) {
      this.#announcer.withdrawAll(rib, list)
      this.#announcer.send([this.members.get(source)!])
    }
    this.#sendExtra(rib, others, this.members.values())
  }

  /** The encoder's path identifiers begin with that of best paths, where the family has any. */
  #begin(rib: FamilyRib): ExtraPaths | undefined {
    const extra = this.extra[rib.family]
    this.#announcer.begin(extra === undefined ? 0 : BEST_ID)
    return extra
  }

  #updateExtra(rib: FamilyRib, extra: ExtraPaths, prefixes: Int32Array): readonly ExtraPath[] {
    return Array.from(prefixes).flatMap((id) =>
      extra.update(rib, id, (prefix, attribute, source) => this.#verdict(rib, prefix, attribute, source)),
    )
  }

  #sendExtra(rib: FamilyRib, paths: readonly ExtraPath[], members: Iterable<Member>): void {
    if (paths.length === 0) return
    this.#announcer.extra(rib, paths)
    this.#announcer.send(members)
  }

  /** Tells `members` what Adj-RIB-Out has for the prefixes in [from, to): a part of a whole sync. */
  sendAll(rib: FamilyRib, from: number, to: number, members: Iterable<Member>): void {
    const out = this.out[rib.family]
    const extra = this.#begin(rib)
    out.ensure(rib.prefixes.length.length, rib.prefixes.used)
    const others: ExtraPath[] = []
    for (let prefix = from; prefix < to; prefix++) {
      const attribute = out.attribute[prefix]!
      if (attribute >= 0) this.#announcer.announce(rib, prefix, attribute, out.source[prefix]!)
      if (extra?.holds(prefix)) others.push(...extra.all(prefix))
    }
    this.#announcer.encode(rib)
    this.#announcer.send(members)
    this.#sendExtra(rib, others, members)
  }

  /** The same for single prefixes, withdrawals too: for a member that could not keep up. */
  #repeat(rib: FamilyRib, prefixes: Iterable<number>, ids: PathIds, member: Member): void {
    const out = this.out[rib.family]
    const extra = this.#begin(rib)
    out.ensure(rib.prefixes.length.length, rib.prefixes.used)
    const gone: number[] = []
    for (const prefix of prefixes) {
      const attribute = out.attribute[prefix]!
      if (attribute >= 0 && out.source[prefix] !== member.source.index)
        this.#announcer.announce(rib, prefix, attribute, out.source[prefix]!)
      else gone.push(prefix)
    }
    this.#announcer.withdrawAll(rib, gone)
    this.#announcer.encode(rib)
    this.#announcer.send([member])
    if (extra !== undefined) this.#repeatExtra(rib, extra, new Set([...prefixes, ...ids.keys()]), ids, member)
  }

  #repeatExtra(
    rib: FamilyRib,
    extra: ExtraPaths,
    prefixes: ReadonlySet<number>,
    ids: PathIds,
    member: Member,
  ): void {
    const paths: ExtraPath[] = []
    for (const prefix of prefixes) {
      for (const pathId of ids.get(prefix) ?? [])
        paths.push({ prefix, pathId, attribute: NOTHING, source: NOBODY })
      paths.push(...extra.all(prefix))
    }
    this.#sendExtra(rib, paths, [member])
  }

  /** What the members should be told of a prefix: an attribute id, or NOTHING. */
  #decide(rib: FamilyRib, prefix: number): number {
    const attribute = rib.prefixes.bestAttribute[prefix]!
    return attribute < 0 ? NOTHING : this.#verdict(rib, prefix, attribute, rib.prefixes.bestSource[prefix]!)
  }

  /** The same of any path. */
  #verdict(rib: FamilyRib, prefix: number, attribute: number, source: number): number {
    const verdict = this.#rules.decide(rib, prefix, attribute, this.#sources[source]!)
    if (verdict < 0 && this.#rules.reason !== '') this.#reject(rib, prefix, this.#rules.reason)
    return verdict
  }

  #reject(rib: FamilyRib, prefix: number, reason: string): void {
    const text = rib.prefixes.text(prefix)
    for (const member of this.members.values()) member.rejected(reason, text)
  }

  /** The only member's source index; NOBODY: there are several members. */
  #only(): number {
    return this.members.size === 1 ? this.members.keys().next().value! : NOBODY
  }
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
