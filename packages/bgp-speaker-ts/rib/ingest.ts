// Takes the bytes of a peer's UPDATEs into the RIB. This is the hot path: a well-formed message with a known attribute set allocates nothing.
import { contains, type Prefix } from '../address.ts'
import type { Family } from '../config.ts'
import { NotificationError } from '../errors.ts'
import { AttributeScan, OUTCOME } from '../packet/attribute-scan.ts'
import { AFI, CEASE, ERROR, SAFI } from '../packet/codes.ts'
import { FAMILIES } from '../packet/families.ts'
import { hasNlri } from '../packet/mp-scan.ts'
import { invalidNetwork } from '../packet/nlri.ts'
import { readU32 } from '../packet/reader.ts'
import { UpdateSections } from '../packet/update.ts'
import { writeU32 } from '../packet/writer.ts'
import { ATTRIBUTE_FLAG, type AttributeTable } from './attribute-table.ts'
import type { FamilyRib } from './family-rib.ts'
import { ImportRules, REJECTED } from './import-rules.ts'
import type { IngestPeer } from './ingest-peer.ts'
import { markedStale } from './long-lived.ts'
import { PATH_FLAG } from './path-table.ts'
import { type Refusal, refusalFlags, refusalOf } from './refusal.ts'
import type { RibObserver } from './rib-observer.ts'

/** So many ranges are looked for in the table; beyond that every prefix of it is judged anew. */
const MANY_RANGES = 16

export class Ingest {
  readonly #ribs: Readonly<Record<Family, FamilyRib>>
  readonly #attributes: AttributeTable
  readonly rules: ImportRules
  readonly #scan = new AttributeScan()
  readonly #sections = new UpdateSections()
  /** Follows the paths; mostly nobody does. */
  observer: RibObserver | undefined
  /** Why the current attribute set is refused whatever the policy says; '': it is not. */
  #refusal: Refusal = ''
  /** Hash keys of the message's prefixes in their order, see `PrefixTable.fetch4`. */
  #keys = new Int32Array(4096)

  constructor(ribs: Readonly<Record<Family, FamilyRib>>, attributes: AttributeTable) {
    this.#ribs = ribs
    this.#attributes = attributes
    this.rules = new ImportRules(attributes)
  }

  /** Takes in the UPDATE with the body [body, end). @throws NotificationError when the session must be reset. */
  update(peer: IngestPeer, bytes: Uint8Array, body: number, end: number): undefined {
    const sections = this.#sections
    sections.split(bytes, body, end)
    if (end - body === 4) return void peer.endOfRib('ipv4-unicast')
    const scan = this.#scan
    const attributes = sections.attributesEnd > sections.attributesStart
    if (attributes) scan.scan(bytes, sections.attributesStart, sections.attributesEnd, peer.context)
    const ipv4 = peer.families.includes('ipv4-unicast')
    const classic = sections.end > sections.attributesEnd
    const reach = attributes && hasNlri(scan.reach)
    if (attributes && !classic && !reach) scan.checkNothingLost()
    if (sections.withdrawnEnd > sections.withdrawnStart && ipv4) {
      this.#walk(peer, 'ipv4-unicast', bytes, sections.withdrawnStart, sections.withdrawnEnd, REJECTED, true)
    }
    if (attributes && scan.unreach.afi !== 0) this.#unreach(peer, bytes, scan, sections)
    if (classic && !attributes) scan.scan(bytes, end, end, peer.context)
    if (!classic && !reach) return void (attributes && this.#countOutcome(peer))
    scan.checkMandatory(classic)
    this.#countOutcome(peer)
    if (reach) this.#reach(peer, bytes, scan)
    if (classic && ipv4)
      this.#announce(peer, 'ipv4-unicast', bytes, sections.attributesEnd, sections.end, scan.nextHopAt, 4)
  }

  /** Marks all routes of a peer in a family as stale: `sweepStale` removes those that it does not send again. */
  markStale(peer: IngestPeer, family: Family): void {
    const { paths } = this.#ribs[family]
    for (let path = paths.first(peer.source.index); path >= 0; path = paths.following(path))
      paths.flags[path]! |= PATH_FLAG.STALE
  }

  /** Removes the routes that are still stale. */
  sweepStale(peer: IngestPeer, family: Family): void {
    const rib = this.#ribs[family]
    const { paths } = rib
    for (let path = paths.first(peer.source.index); path >= 0; ) {
      const next = paths.following(path)
      if ((paths.flags[path]! & PATH_FLAG.STALE) !== 0) this.#remove(peer, rib, path)
      path = next
    }
  }

  /** Applies the peer's import policy again to all of its routes (soft reconfiguration). */
  reconsider(peer: IngestPeer, family: Family): void {
    const rib = this.#ribs[family]
    const { paths } = rib
    for (let path = paths.first(peer.source.index); path >= 0; path = paths.following(path))
      this.#reconsider(peer, rib, path)
  }

  /** Judges anew what these peers have sent inside the ranges, of both families. */
  revalidate(peers: readonly IngestPeer[], ranges: readonly Prefix[]): void {
    const bySource = new Map(peers.map((peer) => [peer.source.index, peer]))
    for (const family of FAMILIES) {
      const rib = this.#ribs[family]
      const { prefixes, paths } = rib
      for (let prefix = 0; prefix < prefixes.used; prefix++) {
        if (!prefixes.has(prefix) || !this.#isInside(prefixes.prefix(prefix), ranges)) continue
        for (let path = prefixes.head[prefix]!; path >= 0; path = paths.next[path]!) {
          const peer = bySource.get(paths.source[path]!)
          if (peer !== undefined) this.#reconsider(peer, rib, path)
        }
      }
    }
  }

  #isInside({ bytes, length }: Prefix, ranges: readonly Prefix[]): boolean {
    return ranges.length > MANY_RANGES || ranges.some((range) => contains(range, bytes, length))
  }

  /** Turns stale routes into long-lived stale ones; removes those with the NO_LLGR community (RFC 9494 section 4.2). */
  keepLongLived(peer: IngestPeer, family: Family): void {
    const rib = this.#ribs[family]
    const { paths } = rib
    for (let path = paths.first(peer.source.index); path >= 0; ) {
      const next = paths.following(path)
      const flags = paths.flags[path]!
      if ((flags & PATH_FLAG.STALE) !== 0 && (flags & PATH_FLAG.LONG_LIVED) === 0) {
        paths.flags[path] = flags | PATH_FLAG.LONG_LIVED
        const refused = (this.#attributes.flags[paths.received[path]!]! & ATTRIBUTE_FLAG.NO_LLGR) !== 0
        if (refused) this.#remove(peer, rib, path)
        else this.#reconsider(peer, rib, path)
      }
      path = next
    }
  }

  #reconsider(peer: IngestPeer, rib: FamilyRib, path: number): void {
    const { paths } = rib
    const flags = paths.flags[path]!
    if ((flags & PATH_FLAG.REFUSED) !== 0) return
    this.#refusal = ''
    const before = paths.attribute[path]!
    let after = this.#verdict(peer, rib, paths.prefix[path]!, paths.received[path]!)
    if (after >= 0 && (flags & PATH_FLAG.LONG_LIVED) !== 0) after = markedStale(this.#attributes, after)
    if (after === before) return
    this.observer?.changed(peer.source, rib.family, paths.prefix[path]!, paths.pathId(path))
    paths.attribute[path] = after
    this.#attributes.released++
    peer.accepted[rib.family] += Number(after >= 0) - Number(before >= 0)
    rib.touch(paths.prefix[path]!)
  }

  #countOutcome(peer: IngestPeer): void {
    const { outcome, problem } = this.#scan
    if (outcome === OUTCOME.TREAT_AS_WITHDRAW) peer.treatedAsWithdraw(problem)
    else if (outcome === OUTCOME.ATTRIBUTE_DISCARD) peer.attributesDiscarded(problem)
  }

  #unreach(
    peer: IngestPeer,
    bytes: Uint8Array,
    { unreach }: AttributeScan,
    { attributesEnd, end }: UpdateSections,
  ): undefined {
    const family = unicast(unreach.afi, unreach.safi)
    if (family === undefined || !peer.families.includes(family)) return
    if (unreach.start === unreach.end && attributesEnd === end && this.#scan.reach.afi === 0)
      return void peer.endOfRib(family)
    this.#walk(peer, family, bytes, unreach.start, unreach.end, REJECTED, true)
  }

  #reach(peer: IngestPeer, bytes: Uint8Array, { reach }: AttributeScan): void {
    const family = unicast(reach.afi, reach.safi)
    if (family === undefined || !peer.families.includes(family)) return
    // On a link-local session the link-local next hop is on the link for certain; the global one may be anywhere.
    const onLink = reach.linkLocalAt > 0 && peer.source.zone !== undefined
    const nextHopAt = onLink ? reach.linkLocalAt : reach.nextHopAt
    this.#announce(peer, family, bytes, reach.start, reach.end, nextHopAt, reach.nextHopLength)
  }

  #announce(
    peer: IngestPeer,
    family: Family,
    bytes: Uint8Array,
    start: number,
    end: number,
    nextHopAt: number,
    nextHopLength: number,
  ): void {
    const scan = this.#scan
    if (scan.outcome === OUTCOME.TREAT_AS_WITHDRAW) {
      this.#walk(peer, family, bytes, start, end, REJECTED, true)
      return
    }
    this.#refusal = refusalOf(scan, peer, bytes, nextHopAt, nextHopLength)
    if (peer.otc.adds !== 0 && scan.onlyToCustomer < 0) scan.addOnlyToCustomer(peer.otc.adds)
    const length = scan.appendNextHop(nextHopAt, nextHopLength)
    const id = this.#attributes.intern(scan.buffer, length, scan)
    this.#walk(peer, family, bytes, start, end, id, false)
  }

  /** Withdraws or announces the NLRI in [at, end). @throws NotificationError Invalid Network Field. */
  #walk(
    peer: IngestPeer,
    family: Family,
    bytes: Uint8Array,
    at: number,
    end: number,
    attribute: number,
    withdraw: boolean,
  ): void {
    const rib = this.#ribs[family]
    const wide = family === 'ipv6-unicast'
    const addPath = wide ? peer.context.addPath6 : peer.context.addPath4
    this.#fetch(rib, bytes, at, end, addPath)
    for (let index = 0; at < end; index++) {
      let pathId = 0
      if (addPath) {
        if (end - at < 5) throw invalidNetwork('prefix cut short')
        pathId = readU32(bytes, at)
        at += 4
      }
      const length = bytes[at++]!
      const size = (length + 7) >> 3
      if (length > (wide ? 128 : 32)) throw invalidNetwork(`prefix of ${length} bits`)
      if (size > end - at) throw invalidNetwork('prefix cut short')
      const key = this.#keys[index]!
      const prefix = wide
        ? find6(rib, key, bytes, at, length, !withdraw)
        : rib.prefixes.find4(key, word(bytes, at, length), length, !withdraw)
      at += size
      if (withdraw) {
        if (prefix >= 0) this.#withdraw(peer, rib, prefix, pathId)
      } else this.#accept(peer, rib, prefix, pathId, attribute)
    }
  }

  /** Computes the hash keys of the prefixes in [at, end) and touches their hash slots. The processor then loads all slots at once, and waits for memory once a message instead of once a prefix. */
  #fetch({ prefixes }: FamilyRib, bytes: Uint8Array, at: number, end: number, addPath: boolean): void {
    if (end - at > this.#keys.length) this.#keys = new Int32Array(end - at)
    const keys = this.#keys
    for (let index = 0; at < end; index++) {
      if (addPath) at += 4
      if (at >= end) return
      const length = bytes[at++]!
      const size = (length + 7) >> 3
      // A malformed prefix: `#walk` throws for it.
      if (length > 32 * prefixes.words || size > end - at) return
      const first = word(bytes, at, length)
      if (prefixes.words === 1) keys[index] = prefixes.fetch4(first)
      else {
        const second = word(bytes, at + 4, length - 32)
        const third = word(bytes, at + 8, length - 64)
        keys[index] = prefixes.fetch6(first, second, third, word(bytes, at + 12, length - 96))
      }
      at += size
    }
  }

  #withdraw(peer: IngestPeer, rib: FamilyRib, prefix: number, pathId: number): void {
    const path = rib.lookup(prefix, peer.source.index, pathId)
    if (path >= 0) this.#remove(peer, rib, path)
  }

  #remove(peer: IngestPeer, rib: FamilyRib, path: number): void {
    peer.received[rib.family]--
    if (rib.paths.attribute[path]! >= 0) peer.accepted[rib.family]--
    this.#attributes.released++
    this.observer?.changed(peer.source, rib.family, rib.paths.prefix[path]!, rib.paths.pathId(path))
    rib.remove(path)
  }

  #accept(peer: IngestPeer, rib: FamilyRib, prefix: number, pathId: number, received: number): void {
    const { paths } = rib
    let path = rib.lookup(prefix, peer.source.index, pathId)
    const before = path < 0 ? REJECTED : paths.attribute[path]!
    if (path < 0) {
      if (this.#blocks(peer, rib, prefix)) return
      path = rib.insert(prefix, peer.source.index, pathId)
      paths.received[path] = paths.attribute[path] = REJECTED
      const count = ++peer.received[rib.family]
      const most = peer.maxPrefixes[rib.family]
      if (count > most && peer.beyondLimit === 'reset') throw tooManyPrefixes(rib.family, most)
      if (count === peer.warnPrefixes[rib.family]) peer.nearLimit(rib.family)
    } else if (paths.received[path] === received && (paths.flags[path]! & PATH_FLAG.LONG_LIVED) === 0) {
      paths.flags[path]! &= ~PATH_FLAG.STALE
      return
    }
    this.observer?.changed(peer.source, rib.family, prefix, pathId)
    if (before >= 0) this.#attributes.released++
    paths.received[path] = received
    paths.flags[path] = refusalFlags(this.#refusal)
    const after = this.#verdict(peer, rib, prefix, received)
    paths.attribute[path] = after
    peer.accepted[rib.family] += Number(after >= 0) - Number(before >= 0)
    if (after !== before) rib.touch(prefix)
  }

  /** Whether a prefix is one too many and not taken: nothing is kept of it, so that a peer has no more of our memory than its limit. */
  #blocks(peer: IngestPeer, rib: FamilyRib, prefix: number): boolean {
    if (peer.beyondLimit !== 'block' || peer.received[rib.family] < peer.maxPrefixes[rib.family]) return false
    peer.rejected('max-prefixes', rib.prefixes.text(prefix))
    // A prefix that was made for it is released with the next flush.
    rib.touch(prefix)
    return true
  }

  #verdict(peer: IngestPeer, rib: FamilyRib, prefix: number, received: number): number {
    if (this.#refusal !== '') {
      peer.rejected(this.#refusal, rib.prefixes.text(prefix))
      return REJECTED
    }
    const result = this.rules.evaluate(peer, rib, prefix, received)
    if (result < 0) peer.rejected(this.rules.reason, rib.prefixes.text(prefix))
    return result
  }
}

/** The CEASE for too many prefixes; its data names the family and the limit (RFC 4486 section 4). */
export function tooManyPrefixes(family: Family, limit: number): NotificationError {
  const data = new Uint8Array(7)
  data[1] = family === 'ipv4-unicast' ? AFI.IPV4 : AFI.IPV6
  data[2] = SAFI.UNICAST
  writeU32(data, 3, limit)
  return new NotificationError(ERROR.CEASE, CEASE.MAX_PREFIXES, `more than ${limit} prefixes`, data)
}

function find6(
  { prefixes }: FamilyRib,
  key: number,
  bytes: Uint8Array,
  at: number,
  length: number,
  create: boolean,
): number {
  const second = word(bytes, at + 4, length - 32)
  const third = word(bytes, at + 8, length - 64)
  const fourth = word(bytes, at + 12, length - 96)
  return prefixes.find6(key, word(bytes, at, length), second, third, fourth, length, create)
}

function unicast(afi: number, safi: number): Family | undefined {
  if (safi !== SAFI.UNICAST) return undefined
  return afi === AFI.IPV4 ? 'ipv4-unicast' : afi === AFI.IPV6 ? 'ipv6-unicast' : undefined
}

/** Reads 32 bits of a prefix as a signed number. `length` bits of the prefix remain from `at` on, the bits after them are zero. The caller checks the bounds. */
function word(bytes: Uint8Array, at: number, length: number): number {
  if (length <= 0) return 0
  let value = bytes[at]! << 24
  if (length > 8) value |= bytes[at + 1]! << 16
  if (length > 16) value |= bytes[at + 2]! << 8
  if (length > 24) value |= bytes[at + 3]!
  return length >= 32 ? value : value & (-1 << (32 - length))
}
