// Adj-RIB-Out of all peers that are told the same: one decision and one encoding for the group, the same buffer written to every member.
import { isLinkLocal } from '../address.ts'
import type { Family } from '../config.ts'
import type { WireOptions } from '../packet/wire-attributes.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import { ATTRIBUTE_FLAG, type AttributeTable } from './attribute-table.ts'
import { BEST_ID, type ExtraPath, ExtraPaths } from './extra-paths.ts'
import type { FamilyRib } from './family-rib.ts'
import { loweredStale } from './long-lived.ts'
import { addId, type Lagging, type Member, noIds, type PathIds, sendTo } from './member.ts'
import { OutTable } from './out-table.ts'
import { NOBODY, type Source } from './source.ts'
import { type Batch, UpdateEncoder } from './update-encoder.ts'

/** What makes two peers be told the same. */
export interface GroupConfig {
  readonly families: readonly Family[]
  readonly external: boolean
  readonly options: WireOptions
  readonly maxLength: number
  /** Members are route reflector clients (RFC 4456). */
  readonly client: boolean
  readonly clusterId: number
  /** Replace every next hop by our own. */
  readonly nextHopSelf: boolean
  /** Our own next hop, by family; undefined: there is none, and what needs it is not sent. */
  readonly self: Readonly<Record<Family, Uint8Array | undefined>>
  /** IPv4 prefixes may have an IPv6 next hop (RFC 8950). */
  readonly ipv4OverIpv6: boolean
  /** What members are told of long-lived stale paths (RFC 9494): all, nothing, or that they are poor ones. */
  readonly longLived: 'pass' | 'withhold' | 'lower'
  /** Families of which members are told all paths (RFC 7911). */
  readonly addPath: readonly Family[]
}

/** More than this waiting for a member holds its group up; for longer than PATIENCE (ms), and the member goes on by itself. */
const HIGH_WATER = 4 << 20
const PATIENCE = 1000

const NOTHING = -1

export class UpdateGroup {
  readonly config: GroupConfig
  readonly members = new Map<number, Member>()
  /** Members that cannot keep up, with the prefixes that changed meanwhile: told the latest state of each once they have room. */
  readonly lagging = new Map<number, Lagging>()
  #blockedSince: number | undefined
  /** Families whose Adj-RIB-Out is filled: until then nothing is sent, and then all of it by a dump. */
  readonly #primed = new Set<Family>()
  readonly out: Readonly<Record<Family, OutTable>> = {
    'ipv4-unicast': new OutTable(),
    'ipv6-unicast': new OutTable(),
  }
  /** Paths beside the best ones, where members take them. */
  readonly extra: Readonly<Partial<Record<Family, ExtraPaths>>>
  policy: PolicyEngine | undefined
  readonly #attributes: AttributeTable
  readonly #sources: readonly (Source | undefined)[]
  readonly #encoder: UpdateEncoder
  #reason = ''
  /** What the last update changed beside best paths. */
  #changedExtra: readonly ExtraPath[] = []
  /** Chains of the batch at hand: attribute, source, first prefix. */
  #chainAttribute: number[] = []
  #chainSource: number[] = []
  #chainHead: number[] = []

  constructor(
    config: GroupConfig,
    policy: PolicyEngine | undefined,
    attributes: AttributeTable,
    sources: readonly (Source | undefined)[],
  ) {
    this.config = config
    this.extra = Object.fromEntries(config.addPath.map((family) => [family, new ExtraPaths()]))
    this.policy = policy
    this.#attributes = attributes
    this.#sources = sources
    this.#encoder = new UpdateEncoder(attributes)
  }

  /** Best paths changed: they wait until `pump`. */
  offer(rib: FamilyRib, prefixes: readonly number[]): void {
    const out = this.out[rib.family]
    out.ensure(rib.prefixes.length.length, rib.prefixes.used)
    for (const prefix of prefixes) {
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
    this.offer(rib, prefixes)
  }

  primed(family: Family): boolean {
    return this.#primed.has(family)
  }

  empty(): boolean {
    return this.members.size === 0 && this.lagging.size === 0
  }

  /** Something waits, for room in a connection or for the next flush. */
  busy(): boolean {
    return (
      this.lagging.size > 0 ||
      this.out['ipv4-unicast'].queue.length > 0 ||
      this.out['ipv6-unicast'].queue.length > 0
    )
  }

  /** Sends End-of-RIB, after what the member still has to be told. */
  end(family: Family, member: Member): void {
    const late = this.lagging.get(member.source.index)
    if (late === undefined) member.border(family, 'end-of-rib')
    else late.ends.push(family)
  }

  /** A member that was told `told` by another group: it gets the difference, and the End-of-RIB markers that are missing. */
  adopt(
    member: Member,
    ends: readonly Family[],
    told: Readonly<Record<Family, ReadonlySet<number>>>,
    ids: Readonly<Record<Family, PathIds>>,
  ): void {
    this.lagging.set(member.source.index, {
      member,
      ids,
      ends: [...ends],
      missed: {
        'ipv4-unicast': new Set(told['ipv4-unicast']),
        'ipv6-unicast': new Set(told['ipv6-unicast']),
      },
    })
  }

  /** Works through what waits, unless a member's connection is full; returns the prefixes worked on. */
  pump(rib: FamilyRib, now: number, most: number): readonly number[] {
    const worked = this.#work(rib, now, most)
    this.#catchUp(rib)
    return worked
  }

  #work(rib: FamilyRib, now: number, most: number): readonly number[] {
    const out = this.out[rib.family]
    if (out.queue.length === 0 || this.#blocked(now)) return []
    const prefixes = out.queue.take(most)
    for (const prefix of prefixes) out.waiting[prefix] = 0
    this.update(rib, prefixes)
    if (out.queue.length === 0) this.#primed.add(rib.family)
    for (const { missed, ids } of this.lagging.values()) {
      for (const prefix of prefixes) missed[rib.family].add(prefix)
      for (const { prefix, pathId } of this.#changedExtra) addId(ids[rib.family], prefix, pathId)
    }
    return prefixes
  }

  /** Whether a prefix is advertised or waits to be looked at: then its id must not be given to another. */
  holds(family: Family, prefix: number): boolean {
    const out = this.out[family]
    if (prefix >= out.used) return false
    if (out.attribute[prefix]! >= 0 || out.waiting[prefix] === 1 || this.lagging.size > 0) return true
    return this.extra[family]?.holds(prefix) === true
  }

  leave(member: Member): void {
    this.members.delete(member.source.index)
    this.lagging.delete(member.source.index)
  }

  /** Whether a member has too much waiting; one that has had it for too long becomes a lagging one. */
  #blocked(now: number): boolean {
    const full = [...this.members.values()].filter((member) => member.pending() > HIGH_WATER)
    if (full.length === 0) {
      this.#blockedSince = undefined
      return false
    }
    this.#blockedSince ??= now
    if (now - this.#blockedSince < PATIENCE) return true
    for (const member of full) {
      this.members.delete(member.source.index)
      this.lagging.set(member.source.index, {
        member,
        ends: [],
        ids: noIds(),
        missed: { 'ipv4-unicast': new Set(), 'ipv6-unicast': new Set() },
      })
    }
    this.#blockedSince = undefined
    return false
  }

  #catchUp(rib: FamilyRib): void {
    for (const [index, { member, missed, ids, ends }] of this.lagging) {
      if (!this.#primed.has(rib.family) || member.pending() > HIGH_WATER / 4) continue
      this.repeat(rib, missed[rib.family], ids[rib.family], member)
      missed[rib.family].clear()
      ids[rib.family].clear()
      if (missed['ipv4-unicast'].size + missed['ipv6-unicast'].size > 0) continue
      this.lagging.delete(index)
      this.members.set(index, member)
      for (const family of ends) member.border(family, 'end-of-rib')
    }
  }

  /** Best paths changed: brings Adj-RIB-Out up to date and tells the members. */
  update(rib: FamilyRib, prefixes: readonly number[]): undefined {
    const out = this.out[rib.family]
    const extra = this.#begin(rib)
    out.ensure(rib.prefixes.length.length, rib.prefixes.used)
    const withdrawals = new Map<number, number>()
    const only = new Map<number, number[]>()
    for (const prefix of prefixes) {
      const attribute = this.#decide(rib, prefix)
      const source = attribute < 0 ? NOBODY : rib.prefixes.bestSource[prefix]!
      const oldAttribute = out.attribute[prefix]!
      const oldSource = out.source[prefix]!
      if (attribute === oldAttribute && source === oldSource) continue
      out.set(prefix, attribute, source)
      if (attribute >= 0) {
        this.#chain(rib, prefix, attribute, source)
        // The new source had been told of the old path: for it alone the prefix is gone.
        if (oldAttribute >= 0 && oldSource !== source && this.members.has(source)) push(only, source, prefix)
      } else {
        rib.prefixes.next[prefix] = withdrawals.get(oldSource) ?? -1
        withdrawals.set(oldSource, prefix)
      }
    }
    const others = extra === undefined ? [] : this.#updateExtra(rib, extra, prefixes)
    this.#changedExtra = others
    if (!this.#primed.has(rib.family)) return this.#dropChains()
    for (const [source, head] of withdrawals) this.#encoder.withdraw(rib, head, this.config.maxLength, source)
    this.#encodeChains(rib, this.#only())
    this.#send(this.#encoder.take(), this.members.values())
    for (const [source, list] of only) this.#withdrawOnly(rib, list, source)
    this.#sendExtra(rib, others, this.members.values())
  }

  /** The encoder's path identifiers begin with that of best paths, where the family has any. */
  #begin(rib: FamilyRib): ExtraPaths | undefined {
    const extra = this.extra[rib.family]
    this.#encoder.pathId = extra === undefined ? 0 : BEST_ID
    return extra
  }

  #updateExtra(rib: FamilyRib, extra: ExtraPaths, prefixes: readonly number[]): readonly ExtraPath[] {
    return prefixes.flatMap((id) =>
      extra.update(rib, id, (prefix, attribute, source) => this.#verdict(rib, prefix, attribute, source)),
    )
  }

  #sendExtra(rib: FamilyRib, paths: readonly ExtraPath[], members: Iterable<Member>): void {
    if (paths.length === 0) return
    const { maxLength } = this.config
    for (const { prefix, pathId, attribute, source } of paths) {
      this.#encoder.pathId = pathId
      rib.prefixes.next[prefix] = -1
      if (attribute < 0) this.#encoder.withdraw(rib, prefix, maxLength, source)
      else this.#encode(rib, prefix, attribute, source)
    }
    this.#send(this.#encoder.take(), members)
  }

  /** Tells `members` what Adj-RIB-Out has for the prefixes in [from, to): a part of a whole dump. */
  dump(rib: FamilyRib, from: number, to: number, members: Iterable<Member>): void {
    const out = this.out[rib.family]
    const extra = this.#begin(rib)
    out.ensure(rib.prefixes.length.length, rib.prefixes.used)
    const others: ExtraPath[] = []
    for (let prefix = from; prefix < to; prefix++) {
      const attribute = out.attribute[prefix]!
      if (attribute >= 0) this.#chain(rib, prefix, attribute, out.source[prefix]!)
      if (extra?.holds(prefix)) others.push(...extra.all(prefix))
    }
    this.#encodeChains(rib)
    this.#send(this.#encoder.take(), members)
    this.#sendExtra(rib, others, members)
  }

  /** The same for single prefixes, withdrawals too: for a member that could not keep up. */
  repeat(rib: FamilyRib, prefixes: Iterable<number>, ids: PathIds, member: Member): void {
    const out = this.out[rib.family]
    const extra = this.#begin(rib)
    out.ensure(rib.prefixes.length.length, rib.prefixes.used)
    let gone = -1
    for (const prefix of prefixes) {
      const attribute = out.attribute[prefix]!
      if (attribute >= 0 && out.source[prefix] !== member.source.index)
        this.#chain(rib, prefix, attribute, out.source[prefix]!)
      else {
        rib.prefixes.next[prefix] = gone
        gone = prefix
      }
    }
    if (gone >= 0) this.#encoder.withdraw(rib, gone, this.config.maxLength, -1)
    this.#encodeChains(rib)
    this.#send(this.#encoder.take(), [member])
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
      for (const pathId of ids.get(prefix) ?? []) paths.push({ prefix, pathId, attribute: -1, source: -1 })
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
  #verdict(rib: FamilyRib, prefix: number, attribute: number, sourceIndex: number): number {
    const source = this.#sources[sourceIndex]!
    if (!this.#mayPass(source, attribute)) return NOTHING
    const result =
      this.policy === undefined
        ? attribute
        : this.policy.evaluate(attribute, source, rib.family, rib.prefixes, prefix)
    if (result < 0) return this.#reject(rib, prefix, this.policy!.reason)
    const told = this.#asTold(result)
    return this.#nextHop(rib.family, result, source) === undefined
      ? this.#reject(rib, prefix, this.#reason)
      : told
  }

  /** RFC 9494 section 4.6: for whoever knows nothing of them, long-lived stale paths are made unattractive. */
  #asTold(attribute: number): number {
    const stale = (this.#attributes.flags[attribute]! & ATTRIBUTE_FLAG.LLGR_STALE) !== 0
    return stale && this.config.longLived === 'lower' ? loweredStale(this.#attributes, attribute) : attribute
  }

  #reject(rib: FamilyRib, prefix: number, reason: string): number {
    const text = rib.prefixes.text(prefix)
    for (const member of this.members.values()) member.rejected(reason, text)
    return NOTHING
  }

  /** RFC 4271 9.2, RFC 4456, RFC 1997, RFC 9494 4.3. */
  #mayPass(source: Source, attribute: number): boolean {
    const flags = this.#attributes.flags[attribute]!
    if ((flags & ATTRIBUTE_FLAG.NO_ADVERTISE) !== 0) return false
    if ((flags & ATTRIBUTE_FLAG.LLGR_STALE) !== 0 && this.config.longLived === 'withhold') return false
    if (this.config.external) return (flags & ATTRIBUTE_FLAG.NO_EXPORT) === 0
    return source.kind !== 'ibgp' || source.client || this.config.client
  }

  #nextHop(family: Family, attribute: number, source: Source): Uint8Array | undefined {
    const own = this.config.nextHopSelf && (this.config.external || source.kind !== 'ibgp')
    const learned = this.#attributes.nextHop(attribute)
    // A link-local one means nothing on another link (RFC 2545 section 3).
    const nextHop = own || learned.length === 0 || isLinkLocal(learned) ? this.config.self[family] : learned
    this.#reason = nextHop === undefined ? 'no-next-hop' : 'next-hop-family'
    if (nextHop === undefined) return undefined
    const fits =
      family === 'ipv4-unicast' ? nextHop.length === 4 || this.config.ipv4OverIpv6 : nextHop.length >= 16
    return fits ? nextHop : undefined
  }

  #chain(rib: FamilyRib, prefix: number, attribute: number, source: number): void {
    const { scratch } = this.#attributes
    let chain = scratch[attribute]!
    if (chain < 0 || this.#chainSource[chain] !== source) {
      chain = this.#chainAttribute.length
      scratch[attribute] = chain
      this.#chainAttribute.push(attribute)
      this.#chainSource.push(source)
      this.#chainHead.push(-1)
    }
    rib.prefixes.next[prefix] = this.#chainHead[chain]!
    this.#chainHead[chain] = prefix
  }

  /** The only member's source index; NOBODY: there are several members. */
  #only(): number {
    return this.members.size === 1 ? this.members.keys().next().value! : NOBODY
  }

  /** `only`: nobody but this source is listening. */
  #encodeChains(rib: FamilyRib, only = NOBODY): void {
    for (let chain = 0; chain < this.#chainAttribute.length; chain++) {
      const source = this.#chainSource[chain]!
      if (source !== only) this.#encode(rib, this.#chainHead[chain]!, this.#chainAttribute[chain]!, source)
    }
    this.#dropChains()
  }

  #encode(rib: FamilyRib, head: number, attribute: number, index: number): void {
    const { maxLength } = this.config
    const source = this.#sources[index]!
    const nextHop = this.#nextHop(rib.family, attribute, source)
    const sent =
      nextHop !== undefined &&
      this.#encoder.announce(rib, head, attribute, nextHop, this.#options(source), maxLength, index)
    // RFC 8654 section 4: what does not fit a message is not announced, so that nothing older may stand.
    if (!sent) this.#encoder.withdraw(rib, head, maxLength, index)
  }

  #dropChains(): undefined {
    const { scratch } = this.#attributes
    for (const attribute of this.#chainAttribute) scratch[attribute] = -1
    this.#chainAttribute = []
    this.#chainSource = []
    this.#chainHead = []
  }

  #options(source: Source): WireOptions {
    if (this.config.external || source.kind !== 'ibgp') return this.config.options
    return {
      ...this.config.options,
      reflect: { originatorId: source.routerId, clusterId: this.config.clusterId },
    }
  }

  #withdrawOnly(rib: FamilyRib, prefixes: readonly number[], source: number): void {
    let head = -1
    for (const prefix of prefixes) {
      rib.prefixes.next[prefix] = head
      head = prefix
    }
    this.#encoder.withdraw(rib, head, this.config.maxLength, -1)
    this.#send(this.#encoder.take(), [this.members.get(source)!])
  }

  #send(batch: Batch | undefined, members: Iterable<Member>): void {
    if (batch === undefined) return
    for (const member of members) sendTo(member, batch)
  }
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
