// The running initial syncs: those of new members, and repetitions for route refreshes, one at a time for each member.
import type { Family } from '../../config.ts'
import type { FamilyRib } from '../family-rib.ts'
import { InitialSync } from './initial-sync.ts'
import type { Member } from './member.ts'
import type { UpdateGroup } from './update-group.ts'

export class InitialSyncQueue {
  #syncs: InitialSync[] = []

  get empty(): boolean {
    return this.#syncs.length === 0
  }

  /** Starts the sync of a new member, or lets it join one of its group that has sent nothing yet. */
  join(group: UpdateGroup, member: Member): void {
    const sync = this.#syncs.find((candidate) => candidate.group === group && candidate.fresh)
    if (sync === undefined) this.#syncs.push(new InitialSync(group, [member]))
    else sync.members.add(member)
  }

  /** Repeats all routes of a family for a member (RFC 2918); once, however often the member asks before the repetition begins. */
  repeat(group: UpdateGroup, member: Member, family: Family): void {
    if (this.#syncs.some((sync) => sync.willRepeat(member, family))) return
    this.#syncs.push(new InitialSync(group, [member], [family]))
  }

  /** Families whose End-of-RIB a member has not got yet. */
  ends(member: Member): readonly Family[] {
    return this.#syncs.filter((sync) => sync.members.has(member)).flatMap((sync) => sync.ends)
  }

  leave(group: UpdateGroup, member: Member): void {
    for (const sync of this.#syncs) if (sync.group === group) sync.members.delete(member)
  }

  clear(): void {
    this.#syncs = []
  }

  /** Sends one slice of each sync; returns true when more can be sent at once. */
  work(ribs: Readonly<Record<Family, FamilyRib>>, now: number): boolean {
    let more = false
    const left: InitialSync[] = []
    for (const sync of this.#syncs) {
      // RFC 7313 section 4.1: a repetition begins after End-of-RIB and after the previous repetition.
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
