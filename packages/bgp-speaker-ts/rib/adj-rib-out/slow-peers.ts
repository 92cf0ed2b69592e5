// Members of a group that cannot keep up: each is sent the latest state of what it missed once its connection has room.
import type { Family } from '../../config.ts'
import type { ExtraPath } from './extra-paths.ts'
import { addId, type Member, noIds, type PathIds, type SlowPeer } from './member.ts'

/** Pending bytes of a member that hold up its group. A member above it for MAX_WAIT milliseconds leaves the group's pace and becomes a slow peer. */
const HIGH_WATER = 1 << 20
const MAX_WAIT = 1000

export class SlowPeers {
  readonly #members: Map<number, Member>
  readonly #slow = new Map<number, SlowPeer>()
  #blockedSince: number | undefined

  /** @param members the members of the group that keep up */
  constructor(members: Map<number, Member>) {
    this.#members = members
  }

  get size(): number {
    return this.#slow.size
  }

  get(index: number): SlowPeer | undefined {
    return this.#slow.get(index)
  }

  delete(index: number): void {
    this.#slow.delete(index)
  }

  /** Adds a slow peer with the prefixes, path identifiers and End-of-RIB markers that it has missed. */
  add(
    member: Member,
    missed: Readonly<Record<Family, Set<number>>>,
    ids: Readonly<Record<Family, PathIds>>,
    ends: readonly Family[],
  ): void {
    this.#slow.set(member.source.index, { member, missed, ids, ends: [...ends] })
  }

  /** Whether the group waits for a member with too many pending bytes. After MAX_WAIT such members become slow peers and the group goes on. */
  blocked(now: number): boolean {
    let blocked = false
    for (const member of this.#members.values()) blocked ||= member.pending() > HIGH_WATER
    if (!blocked) {
      this.#blockedSince = undefined
      return false
    }
    this.#blockedSince ??= now
    if (now - this.#blockedSince < MAX_WAIT) return true
    for (const [index, member] of this.#members) {
      if (member.pending() <= HIGH_WATER) continue
      this.#members.delete(index)
      this.add(member, { 'ipv4-unicast': new Set(), 'ipv6-unicast': new Set() }, noIds(), [])
    }
    this.#blockedSince = undefined
    return false
  }

  /** Notes prefixes and paths beside the best ones that the other members were sent. */
  miss(family: Family, prefixes: Int32Array, extra: readonly ExtraPath[]): void {
    for (const { missed, ids } of this.#slow.values()) {
      for (const prefix of prefixes) missed[family].add(prefix)
      for (const { prefix, pathId } of extra) addId(ids[family], prefix, pathId)
    }
  }

  /** Calls `tell` for slow peers with room. Caught-up peers rejoin the group. */
  catchUp(family: Family, tell: (member: Member, prefixes: Iterable<number>, ids: PathIds) => void): void {
    for (const [index, { member, missed, ids, ends }] of this.#slow) {
      if (member.pending() > HIGH_WATER / 4) continue
      tell(member, missed[family], ids[family])
      missed[family].clear()
      ids[family].clear()
      if (missed['ipv4-unicast'].size + missed['ipv6-unicast'].size > 0) continue
      this.#slow.delete(index)
      this.#members.set(index, member)
      for (const end of ends) member.sendMarker(end, 'end-of-rib')
    }
  }
}
