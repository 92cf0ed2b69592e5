/**
 * What other nodes are to this one while roles change: more at once, less only when what is to replace it is there (make before break). A
 * session that is not wanted any more, or a part that a node played in one, is kept until all sessions that are wanted are up and have sent
 * End-of-RIB, and the other nodes have had the time to see the change, too.
 */
import { NO_RELATION, type Relation } from './topology.ts'

/** What the other end may need to hear of the change and make its own new sessions: it may see it ten seconds later. */
export const LINGER = 30_000
/** Then it goes, whatever is still missing. */
export const DEADLINE = 300_000
/** Between two looks at whether all is there. */
const PAUSE = 5000

interface Held {
  readonly relation: Relation
  readonly wanted: Relation
  /** Clock time since when there is more than is wanted; undefined: there is not. */
  readonly since: number | undefined
}

export interface Now {
  /** Clock time in milliseconds. */
  readonly time: number
  /** The session is up: what goes down is not kept. */
  readonly established: boolean
}

export class HeldRelations {
  /** By the name of the Node. */
  readonly #held = new Map<string, Held>()
  readonly #clients = new Set<string>()

  /** What a node is to be now. */
  update(name: string, wanted: Relation, { time, established }: Now): Relation {
    const before = this.#held.get(name)
    const relation = before === undefined ? wanted : joined(before.relation, wanted, established)
    const surplus = !same(relation, wanted)
    this.#set(name, { relation, wanted, since: surplus ? (before?.since ?? time) : undefined })
    return relation
  }

  forget(name: string): void {
    this.#held.delete(name)
    this.#clients.delete(name)
  }

  relationOf(name: string): Relation {
    return this.#held.get(name)?.relation ?? NO_RELATION
  }

  /** Whether some other node is a client of this one. */
  get reflects(): boolean {
    return this.#clients.size > 0
  }

  /** Whether there is more between the nodes than is wanted. */
  isSurplus(name: string): boolean {
    return this.#held.get(name)?.since !== undefined
  }

  /**
   * Lets go what is held for long enough; returns the names of whom it was.
   * @param settled all that is wanted is there
   * @param mayStay its session may stay for as long as it lasts
   */
  release(time: number, settled: () => boolean, mayStay: (name: string) => boolean): string[] {
    const due = [...this.#held].filter(
      ([name, { since, relation, wanted }]) =>
        since !== undefined && time - since >= LINGER && !(isMesh(relation, wanted) && mayStay(name)),
    )
    if (due.length === 0) return []
    const all = settled()
    const released = due.filter(([, { since }]) => all || time - since! >= DEADLINE)
    for (const [name, { wanted, relation }] of released) {
      const left = mayStay(name) ? { ...wanted, session: relation.session } : wanted
      this.#set(name, { relation: left, wanted, since: same(left, wanted) ? undefined : time })
    }
    return released.map(([name]) => name)
  }

  /** Milliseconds until the next `release`; undefined: nothing waits for one. */
  pause(time: number, mayStay: (name: string) => boolean): number | undefined {
    let pause: number | undefined
    for (const [name, { since, relation, wanted }] of this.#held)
      if (since !== undefined && !(isMesh(relation, wanted) && mayStay(name)))
        pause = Math.min(pause ?? LINGER, Math.max(PAUSE, since + LINGER - time))
    return pause
  }

  #set(name: string, held: Held): void {
    this.#held.set(name, held)
    if (held.relation.client) this.#clients.add(name)
    else this.#clients.delete(name)
  }
}

/** A session and nothing else is more than is wanted. */
function isMesh(relation: Relation, wanted: Relation): boolean {
  return !wanted.session && !relation.client && !relation.believed
}

function joined(held: Relation, wanted: Relation, established: boolean): Relation {
  if (!wanted.session && !(held.session && established)) return NO_RELATION
  return {
    session: true,
    client: held.client || wanted.client,
    believed: held.believed || wanted.believed,
  }
}

function same(a: Relation, b: Relation): boolean {
  return a.session === b.session && a.client === b.client && a.believed === b.believed
}
