// The dumps that go on: new members and repetitions, one repetition of a member at a time.
import type { Family } from '../config.ts'
import type { FamilyRib } from './family-rib.ts'
import { Dump } from './initial-sync.ts'
import type { Member } from './member.ts'
import type { UpdateGroup } from './update-group.ts'

export class DumpQueue {
  #dumps: Dump[] = []

  get empty(): boolean {
    return this.#dumps.length === 0
  }

  /** A new member is told everything, together with others that came a moment before. */
  join(group: UpdateGroup, member: Member): void {
    const dump = this.#dumps.find((candidate) => candidate.group === group && candidate.fresh)
    if (dump === undefined) this.#dumps.push(new Dump(group, [member]))
    else dump.members.add(member)
  }

  /** Sends a member everything of one family again (RFC 2918); once, however often it was asked for before that began. */
  repeat(group: UpdateGroup, member: Member, family: Family): void {
    if (this.#dumps.some((dump) => dump.willRepeat(member, family))) return
    this.#dumps.push(new Dump(group, [member], [family]))
  }

  /** End-of-RIB markers that a member still has to get. */
  ends(member: Member): readonly Family[] {
    return this.#dumps.filter((dump) => dump.members.has(member)).flatMap((dump) => dump.ends)
  }

  leave(group: UpdateGroup, member: Member): void {
    for (const dump of this.#dumps) if (dump.group === group) dump.members.delete(member)
  }

  clear(): void {
    this.#dumps = []
  }

  /** Sends a slice of each; true: there is more to send that does not wait for room. */
  work(ribs: Readonly<Record<Family, FamilyRib>>, now: number): boolean {
    let more = false
    const left: Dump[] = []
    for (const dump of this.#dumps) {
      // RFC 7313 section 4.1: a repetition begins after End-of-RIB, and one at a time.
      if (dump.repeats && left.some((before) => before.shares(dump))) {
        left.push(dump)
        continue
      }
      const { state, split } = dump.slice(ribs, now)
      if (state !== 'done') left.push(dump)
      if (split !== undefined) left.push(split)
      if (state === 'more') more = true
    }
    this.#dumps = left
    return more
  }
}
