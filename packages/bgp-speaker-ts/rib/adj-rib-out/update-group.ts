// Adj-RIB-Out of all peers that are sent the same UPDATEs: the group decides and encodes once and writes the same buffer to every member.
import type { Family } from '../../config.ts'
import type { PolicyEngine } from '../../policy/engine.ts'
import type { AttributeTable } from '../attribute-table.ts'
import { NO_IDS } from '../columns.ts'
import type { FamilyRib } from '../family-rib.ts'
import { NO_SOURCE, type Source } from '../source.ts'
import { Announcer } from './announcer.ts'
import { ExportRules, NOTHING } from './export-rules.ts'
import { BEST_ID, type ExtraPath, ExtraPaths } from './extra-paths.ts'
import type { GroupConfig } from './group-key.ts'
import type { Member, PathIds } from './member.ts'
import { OutTable } from './out-table.ts'
import { SlowPeers } from './slow-peers.ts'

export class UpdateGroup {
  readonly config: GroupConfig
  readonly members = new Map<number, Member>()
  readonly #slow: SlowPeers
  /** Families whose Adj-RIB-Out is filled. Nothing is sent before; then an initial sync sends all of it. */
  readonly #primed = new Set<Family>()
  readonly out: Readonly<Record<Family, OutTable>> = {
    'ipv4-unicast': new OutTable(),
    'ipv6-unicast': new OutTable(),
  }
  /** Paths beside the best ones, for families with add-path. */
  readonly extra: Readonly<Partial<Record<Family, ExtraPaths>>>
  readonly #rules: ExportRules
  readonly #sources: readonly (Source | undefined)[]
  readonly #announcer: Announcer
  /** The changes of the last update beside best paths. */
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

  /** Queues prefixes whose best path changed until `pump`. */
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

  /** Queues all prefixes with a best path, to fill Adj-RIB-Out of a new group. */
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

  /** Whether work waits for room in a connection or for the next flush. */
  busy(): boolean {
    return (
      this.#slow.size > 0 ||
      this.out['ipv4-unicast'].queue.length > 0 ||
      this.out['ipv6-unicast'].queue.length > 0
    )
  }

  /** Sends End-of-RIB to a member; to a slow peer once it has caught up. */
  end(family: Family, member: Member): void {
    const late = this.#slow.get(member.source.index)
    if (late === undefined) member.sendMarker(family, 'end-of-rib')
    else late.ends.push(family)
  }

  /** Takes over a member from another group, which has sent it `told`: it is sent the difference and the missing End-of-RIB markers. */
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

  /** Works through the queue, unless a member's connection is full, and lets slow peers catch up; returns the prefixes worked on. */
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

  /** Whether a prefix is advertised or queued: its id must not be reused then. */
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

  /** Updates Adj-RIB-Out for changed best paths and sends the changes to the members. */
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
      const source = attribute < 0 ? NO_SOURCE : rib.prefixes.bestSource[prefix]!
      const oldAttribute = out.attribute[prefix]!
      const oldSource = out.source[prefix]!
      if (attribute === oldAttribute && source === oldSource) continue
      out.set(prefix, attribute, source)
      if (attribute >= 0) {
        if (source !== sole) this.#announcer.announce(rib, prefix, attribute, source)
        // The new source was sent the old path and does not get its own one: it gets a withdrawal instead.
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

  /** Starts a batch of best paths, with their path identifier in families with add-path. */
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

  /** Sends `members` the Adj-RIB-Out of the prefixes in [from, to): a slice of an initial sync. */
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

  /** Sends a slow peer the current state of single prefixes, withdrawals included. */
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
        paths.push({ prefix, pathId, attribute: NOTHING, source: NO_SOURCE })
      paths.push(...extra.all(prefix))
    }
    this.#sendExtra(rib, paths, [member])
  }

  /** Returns the attribute id that the members are sent for a prefix, or NOTHING. */
  #decide(rib: FamilyRib, prefix: number): number {
    const attribute = rib.prefixes.bestAttribute[prefix]!
    return attribute < 0 ? NOTHING : this.#verdict(rib, prefix, attribute, rib.prefixes.bestSource[prefix]!)
  }

  /** Returns the attribute id that the members are sent for a path, or NOTHING; reports a rejection. */
  #verdict(rib: FamilyRib, prefix: number, attribute: number, source: number): number {
    const verdict = this.#rules.decide(rib, prefix, attribute, this.#sources[source]!)
    if (verdict < 0 && this.#rules.reason !== '') this.#reject(rib, prefix, this.#rules.reason)
    return verdict
  }

  #reject(rib: FamilyRib, prefix: number, reason: string): void {
    const text = rib.prefixes.text(prefix)
    for (const member of this.members.values()) member.rejected(reason, text)
  }

  /** Source index of the only member; NO_SOURCE when there are several. */
  #only(): number {
    return this.members.size === 1 ? this.members.keys().next().value! : NO_SOURCE
  }
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
