/** What the speaker announces on this node's behalf, by prefix. */
import { isDeepStrictEqual } from 'node:util'
import { DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import { PodNetworkError } from '../errors.ts'

/** What is used of the speaker. */
export interface Announcer {
  announce(route: Announcement): void
  withdraw(prefix: string): void
  announced(): readonly Announcement[]
}

export class AnnouncementResource implements Resource<string, Announcement> {
  readonly name = 'announcements'
  readonly #speaker: () => Announcer | undefined

  constructor(speaker: () => Announcer | undefined) {
    this.#speaker = speaker
  }

  equal(a: Announcement, b: Announcement): boolean {
    return isDeepStrictEqual(a, b)
  }

  async *list(): AsyncIterable<Iterable<readonly [string, Announcement]>> {
    const announced = this.#speaker()?.announced() ?? []
    yield announced.map((route) => [route.prefix, route])
  }

  async apply(ops: readonly Op<string, Announcement>[]): Promise<readonly Outcome[]> {
    const speaker = this.#speaker()
    return ops.map((op): Outcome => {
      try {
        if (op.kind === 'remove') speaker?.withdraw(op.key)
        else if (speaker) speaker.announce(op.value)
        else throw new PodNetworkError('no-speaker', 'the BGP speaker is not running yet')
        return DONE
      } catch (error) {
        return { ok: false, error: error as Error }
      }
    })
  }
}
