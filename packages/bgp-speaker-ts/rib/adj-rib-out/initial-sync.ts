// Sends new members all routes of their group's Adj-RIB-Out, in slices. Members that join together share one sync. A route refresh repeats it for one family.

import type { Family } from '../../config.ts'
import { FAMILIES } from '../../packet/families.ts'
import type { FamilyRib } from '../family-rib.ts'
import type { Member } from './member.ts'
import type { UpdateGroup } from './update-group.ts'

const SLICE = 4000
const FULL = 1 << 20
/** Milliseconds after which a sync stops waiting for its slowest members. */
const MAX_WAIT = 1000

export class InitialSync {
  readonly group: UpdateGroup
  readonly members: Set<Member>
  /** It answers a route refresh. */
  readonly repeats: boolean
  #begun = false
  #families: Family[]
  #cursor = 0
  #fullSince: number | undefined

  /** @param families those of a route refresh, which ends without End-of-RIB; absent: all families of a new session */
  constructor(group: UpdateGroup, members: Iterable<Member>, families?: readonly Family[]) {
    this.group = group
    this.members = new Set(members)
    this.repeats = families !== undefined
    this.#families = FAMILIES.filter((family) => (families ?? group.config.families).includes(family))
  }

  /** Nothing was sent yet: other members may join. */
  get fresh(): boolean {
    return !this.repeats && this.#cursor === 0 && this.#families.length === this.group.config.families.length
  }

  /** It is a repetition of that family for the member and has not begun yet. */
  willRepeat(member: Member, family: Family): boolean {
    return this.repeats && !this.#begun && this.#families[0] === family && this.members.has(member)
  }

  shares({ members }: InitialSync): boolean {
    for (const member of members) if (this.members.has(member)) return true
    return false
  }

  /** Families whose End-of-RIB is still to be sent. */
  get ends(): readonly Family[] {
    return this.repeats ? [] : this.#families
  }

  /**
   * Sends one slice. `done`: all is sent. `waiting`: a connection is full. `split`: a new sync with the members that are too slow for this one.
   */
  slice(
    ribs: Readonly<Record<Family, FamilyRib>>,
    now: number,
  ): { state: 'more' | 'waiting' | 'done'; split?: InitialSync } {
    const family = this.#families[0]
    if (family === undefined || this.members.size === 0) return { state: 'done' }
    if (!this.group.primed(family)) return { state: 'waiting' }
    const full = [...this.members].filter((member) => member.pending() > FULL)
    if (full.length > 0) return this.#wait(full, now)
    this.#fullSince = undefined
    const rib = ribs[family]
    if (!this.#begun && this.repeats)
      for (const member of this.members) member.sendMarker(family, 'refresh-begin')
    this.#begun = true
    const to = Math.min(this.#cursor + SLICE, rib.prefixes.used)
    this.group.sendAll(rib, this.#cursor, to, this.members)
    this.#cursor = to
    if (to < rib.prefixes.used) return { state: 'more' }
    for (const member of this.members) member.sendMarker(family, this.repeats ? 'refresh-end' : 'end-of-rib')
    this.#families.shift()
    this.#begun = false
    this.#cursor = 0
    return { state: this.#families.length === 0 ? 'done' : 'more' }
  }

  #wait(full: readonly Member[], now: number): { state: 'more' | 'waiting'; split?: InitialSync } {
    this.#fullSince ??= now
    if (now - this.#fullSince < MAX_WAIT || full.length === this.members.size) return { state: 'waiting' }
    const split = new InitialSync(this.group, full, this.repeats ? this.#families : undefined)
    split.#families = [...this.#families]
    split.#cursor = this.#cursor
    split.#begun = this.#begun
    for (const member of full) this.members.delete(member)
    return { state: 'more', split }
  }
}
