// The syncs that go on: new members and repetitions, one repetition of a member at a time.
import type { Family } from '../config.ts'
import type { FamilyRib } from './family-rib.ts'
import { InitialSync } from './initial-sync.ts'
import type { Member } from './member.ts'
import type { UpdateGroup } from './update-group.ts'

export class InitialSyncQueue {
  #syncs: InitialSync[] = []

  get empty(): boolean {
    return this.#syncs.length === 0
  }

  /** A new member is told everything, together with others that came a moment before. */
  join(group: UpdateGroup, member: Member): void {
    const sync = this.#syncs.find((candidate) => candidate.group === group && candidate.fresh)
    if (sync === undefined) this.#syncs.push(new InitialSync(group, [member]))
    else sync.members.add(member)
  }

  /** Sends a member everything of one family again (RFC 2918); once, however often it was asked for before that began. */
  repeat(group: UpdateGroup, member: Member, family: Family): void {
    if (this.#syncs.some((sync) => sync.willRepeat(member, family))) return
    this.#syncs.push(new InitialSync(group, [member], [family]))
  }

  /** End-of-RIB markers that a member still has to get. */
  ends(member: Member): readonly Family[] {
    return this.#syncs.filter((sync) => sync.members.has(member)).flatMap((sync) => sync.ends)
  }

  leave(group: UpdateGroup, member: Member): void {
    for (const sync of this.#syncs) if (sync.group === group) sync.members.delete(member)
  }

  clear(): void {
    this.#syncs = []
  }

  /** Sends a slice of each; true: there is more to send that does not wait for room. */
  work(ribs: Readonly<Record<Family, FamilyRib>>, now: number): boolean {
    let more = false
    const left: InitialSync[] = []
    for (const sync of this.#syncs) {
      // RFC 7313 section 4.1: a repetition begins after End-of-RIB, and one at a time.
      if (sync.repeats && left.some((before) => before.shares(sync))) {
        left.push(sync)
        continue
      }
      const { state, split } = sync.slice(ribs, now)
      if (state !== 'done') left.push(sync)
      if (split !== undefined) left.push(split)
      if (state === 'more') more = true
    }
    this.#syncs = left
    return more
  }
}
