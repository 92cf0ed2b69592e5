/** Next hop objects of our protocol that may be there without a route: an agent that is killed between the two leaves them. */
import {
  codeOf,
  DONE,
  type Op,
  type Outcome,
  outcomeOf,
  type Resource,
} from '@podroute/reconcile/resource.ts'
import type { NextHopsApi } from '../kernel.ts'
import { isNotThere, isOurs } from './next-hop-groups.ts'

/** By their IDs. They are made with the routes that name them (next-hop-groups.ts); here they only go. */
export class NextHopResource implements Resource<string, true> {
  readonly name = 'next-hops'
  readonly #objects: NextHopsApi
  readonly #protocol: number

  constructor(objects: NextHopsApi, protocol: number) {
    this.#objects = objects
    this.#protocol = protocol
  }

  equal(): boolean {
    return true
  }

  /** Groups come before the single next hops that they consist of. */
  async *list(): AsyncIterable<Iterable<readonly [string, true]>> {
    const ours = (await this.#list()).filter(isOurs(this.#protocol))
    const [groups, singles] = [
      ours.filter(({ kind }) => kind === 'group'),
      ours.filter(({ kind }) => kind === 'single'),
    ]
    yield [...groups, ...singles].map(({ id }) => [String(id), true] as const)
  }

  async apply(ops: readonly Op<string, true>[]): Promise<readonly Outcome[]> {
    const errors = await this.#objects.apply(ops.map(({ key }) => ({ kind: 'remove', id: Number(key) })))
    return errors.map((error) => (error && codeOf(error) === 'ENOENT' ? DONE : outcomeOf(error)))
  }

  /** A kernel without such objects (before Linux 5.3) has none. */
  async #list() {
    return this.#objects.list().catch((error: Error) => {
      if (isNotThere(error)) return []
      throw error
    })
  }
}
