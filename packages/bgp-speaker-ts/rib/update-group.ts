// Adj-RIB-Out of all peers that are told the same: one decision and one encoding for the group, the same buffer written to every member.
import type { Family } from '../config.ts'
import type { WireOptions } from '../packet/wire-attributes.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import { ATTRIBUTE_FLAG, type AttributeTable } from './attribute-table.ts'
import { grown } from './columns.ts'
import type { FamilyRib } from './family-rib.ts'
import type { Source } from './source.ts'
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
}

/** More than this waiting for a member holds its group up; for longer than PATIENCE (ms), and the member goes on by itself. */
const HIGH_WATER = 4 << 20
const PATIENCE = 1000

export type Border = 'end-of-rib' | 'refresh-begin' | 'refresh-end'

/** A peer as its group sees it. */
export interface Member {
  readonly source: Source
  write(bytes: Uint8Array, messages: number): void
  /** Bytes that wait to be sent. */
  pending(): number
  rejected(reason: string, prefix: string): void
  /** What stands before and after a family's routes in a dump. */
  border(family: Family, kind: Border): void
}

/** Adj-RIB-Out of one family. */
export class OutTable {
  /** Attribute id that is advertised, -1: nothing. By prefix id. */
  attribute = new Int32Array(0)
  /** Whose path it is; that peer is not told. */
  source = new Int32Array(0)
  /** 1: changed, but not looked at yet. */
  waiting = new Uint8Array(0)
  queue: number[] = []
  count = 0
  /** How many of them came from a source. */
  readonly bySource = new Map<number, number>()

  ensure(capacity: number): void {
    if (capacity <= this.attribute.length) return
    this.attribute = grown(this.attribute, capacity, -1)
    this.source = grown(this.source, capacity, -1)
    this.waiting = grown(this.waiting, capacity)
  }

  set(prefix: number, attribute: number, source: number): void {
    if (this.attribute[prefix]! >= 0) this.#count(this.source[prefix]!, -1)
    if (attribute >= 0) this.#count(source, 1)
    this.attribute[prefix] = attribute
    this.source[prefix] = attribute < 0 ? -1 : source
  }

  #count(source: number, by: number): void {
    this.count += by
    this.bySource.set(source, (this.bySource.get(source) ?? 0) + by)
  }
}

const NOTHING = -1

export class UpdateGroup {
  readonly config: GroupConfig
  readonly members = new Map<number, Member>()
  /** Members that cannot keep up, with the prefixes that changed meanwhile: told the latest state of each once they have room. */
  readonly lagging = new Map<
    number,
    {
      readonly member: Member
      readonly missed: Readonly<Record<Family, Set<number>>>
      /** End-of-RIB markers that it still has to get. */
      readonly ends: Family[]
    }
  >()
  #blockedSince: number | undefined
  /** Families whose Adj-RIB-Out is filled: until then nothing is sent, and then all of it by a dump. */
  readonly #primed = new Set<Family>()
  readonly out: Readonly<Record<Family, OutTable>> = {
    'ipv4-unicast': new OutTable(),
    'ipv6-unicast': new OutTable(),
  }
  policy: PolicyEngine | undefined
  readonly #attributes: AttributeTable
  readonly #sources: readonly (Source | undefined)[]
  readonly #encoder: UpdateEncoder
  #reason = ''
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
    this.policy = policy
    this.#attributes = attributes
    this.#sources = sources
    this.#encoder = new UpdateEncoder(attributes)
  }

  /** Best paths changed: they wait until `pump`. */
  offer(rib: FamilyRib, prefixes: readonly number[]): void {
    const out = this.out[rib.family]
    out.ensure(rib.prefixes.length.length)
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
  adopt(member: Member, ends: readonly Family[], told: Readonly<Record<Family, ReadonlySet<number>>>): void {
    this.lagging.set(member.source.index, {
      member,
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
    const prefixes = out.queue.length <= most ? out.queue : out.queue.splice(0, most)
    if (prefixes === out.queue) out.queue = []
    for (const prefix of prefixes) out.waiting[prefix] = 0
    this.update(rib, prefixes)
    if (out.queue.length === 0) this.#primed.add(rib.family)
    for (const { missed } of this.lagging.values())
      for (const prefix of prefixes) missed[rib.family].add(prefix)
    return prefixes
  }

  /** Whether a prefix is advertised or waits to be looked at: then its id must not be given to another. */
  holds(family: Family, prefix: number): boolean {
    const out = this.out[family]
    if (prefix >= out.attribute.length) return false
    return out.attribute[prefix]! >= 0 || out.waiting[prefix] === 1 || this.lagging.size > 0
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
        missed: { 'ipv4-unicast': new Set(), 'ipv6-unicast': new Set() },
      })
    }
    this.#blockedSince = undefined
    return false
  }

  #catchUp(rib: FamilyRib): void {
    for (const [index, { member, missed, ends }] of this.lagging) {
      if (!this.#primed.has(rib.family) || member.pending() > HIGH_WATER / 4) continue
      this.repeat(rib, missed[rib.family], member)
      missed[rib.family].clear()
      if (missed['ipv4-unicast'].size + missed['ipv6-unicast'].size > 0) continue
      this.lagging.delete(index)
      this.members.set(index, member)
      for (const family of ends) member.border(family, 'end-of-rib')
    }
  }

  /** Best paths changed: brings Adj-RIB-Out up to date and tells the members. */
  update(rib: FamilyRib, prefixes: readonly number[]): undefined {
    const out = this.out[rib.family]
    out.ensure(rib.prefixes.length.length)
    const withdrawals = new Map<number, number>()
    const only = new Map<number, number[]>()
    for (const prefix of prefixes) {
      const attribute = this.#decide(rib, prefix)
      const source = attribute < 0 ? -1 : rib.prefixes.bestSource[prefix]!
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
    if (!this.#primed.has(rib.family)) return this.#dropChains()
    for (const [source, head] of withdrawals) this.#encoder.withdraw(rib, head, this.config.maxLength, source)
    this.#encodeChains(rib)
    this.#send(this.#encoder.take(), this.members.values())
    for (const [source, list] of only) this.#withdrawOnly(rib, list, source)
  }

  /** Tells `members` what Adj-RIB-Out has for the prefixes in [from, to): a part of a whole dump. */
  dump(rib: FamilyRib, from: number, to: number, members: Iterable<Member>): void {
    const out = this.out[rib.family]
    out.ensure(rib.prefixes.length.length)
    for (let prefix = from; prefix < to; prefix++) {
      const attribute = out.attribute[prefix]!
      if (attribute >= 0) this.#chain(rib, prefix, attribute, out.source[prefix]!)
    }
    this.#encodeChains(rib)
    this.#send(this.#encoder.take(), members)
  }

  /** The same for single prefixes, withdrawals too: for a member that could not keep up. */
  repeat(rib: FamilyRib, prefixes: Iterable<number>, member: Member): void {
    const out = this.out[rib.family]
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
  }

  /** What the members should be told of a prefix: an attribute id, or NOTHING. */
  #decide(rib: FamilyRib, prefix: number): number {
    const attribute = rib.prefixes.bestAttribute[prefix]!
    if (attribute < 0) return NOTHING
    const source = this.#sources[rib.prefixes.bestSource[prefix]!]!
    if (!this.#mayPass(source, attribute)) return NOTHING
    const result =
      this.policy === undefined
        ? attribute
        : this.policy.evaluate(attribute, source, rib.family, rib.prefixes, prefix)
    if (result < 0) return this.#reject(rib, prefix, this.policy!.reason)
    return this.#nextHop(rib.family, result, source) === undefined
      ? this.#reject(rib, prefix, this.#reason)
      : result
  }

  #reject(rib: FamilyRib, prefix: number, reason: string): number {
    const text = rib.prefixes.text(prefix)
    for (const member of this.members.values()) member.rejected(reason, text)
    return NOTHING
  }

  /** RFC 4271 9.2, RFC 4456, RFC 1997. */
  #mayPass(source: Source, attribute: number): boolean {
    const flags = this.#attributes.flags[attribute]!
    if ((flags & ATTRIBUTE_FLAG.NO_ADVERTISE) !== 0) return false
    if (this.config.external) return (flags & ATTRIBUTE_FLAG.NO_EXPORT) === 0
    return source.kind !== 'ibgp' || source.client || this.config.client
  }

  #nextHop(family: Family, attribute: number, source: Source): Uint8Array | undefined {
    const own = this.config.nextHopSelf && (this.config.external || source.kind !== 'ibgp')
    const nextHop =
      own || this.#attributes.nextHopLength[attribute] === 0
        ? this.config.self[family]
        : this.#attributes.nextHop(attribute)
    this.#reason = nextHop === undefined ? 'no-next-hop' : 'next-hop-family'
    if (nextHop === undefined) return undefined
    const fits =
      family === 'ipv4-unicast' ? nextHop.length === 4 || this.config.ipv4OverIpv6 : nextHop.length === 16
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

  #encodeChains(rib: FamilyRib): void {
    const { maxLength } = this.config
    for (let chain = 0; chain < this.#chainAttribute.length; chain++) {
      const attribute = this.#chainAttribute[chain]!
      const index = this.#chainSource[chain]!
      const head = this.#chainHead[chain]!
      const source = this.#sources[index]!
      const nextHop = this.#nextHop(rib.family, attribute, source)
      const sent =
        nextHop !== undefined &&
        this.#encoder.announce(rib, head, attribute, nextHop, this.#options(source), maxLength, index)
      // RFC 8654 section 4: what does not fit a message is not announced, so that nothing older may stand.
      if (!sent) this.#encoder.withdraw(rib, head, maxLength, index)
    }
    this.#dropChains()
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

/** Writes a batch without the segments that the member itself is the source of, in as few pieces as possible. */
function sendTo(member: Member, { bytes, segments }: Batch): void {
  const { index } = member.source
  let start = -1
  let end = -1
  let messages = 0
  for (const segment of segments) {
    if (segment.except === index) continue
    if (segment.start !== end) {
      if (start >= 0) member.write(bytes.subarray(start, end), messages)
      start = segment.start
      messages = 0
    }
    end = segment.end
    messages += segment.messages
  }
  if (start >= 0) member.write(bytes.subarray(start, end), messages)
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
