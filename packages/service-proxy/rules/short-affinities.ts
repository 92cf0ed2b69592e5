/** Short session affinities as a Resource: a map and two chains each (rules/affinity.ts). */
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { NftApi } from '../kernel/kernel.ts'
import type { ServerKey } from '../plan/frontend.ts'
import { serverKey } from '../plan/frontend.ts'
import {
  affinityName,
  affinityOfName,
  affinityRemoval,
  affinityScript,
  chainsOf,
  RULES,
  type ShortAffinity,
} from './affinity.ts'
import { type TableListing, timeoutOf } from './listing.ts'
import { TABLE } from './sets.ts'
import { listTable } from './table-listing.ts'

type AffinityOp = Op<ServerKey, ShortAffinity>

interface Listed {
  readonly chain?: { readonly name: string; readonly table: string }
}

export class ShortAffinities implements Resource<ServerKey, ShortAffinity> {
  readonly name = 'short-affinities'
  readonly #nft: NftApi

  constructor(nft: NftApi) {
    this.#nft = nft
  }

  /** All but the time is in the key. */
  equal(a: ShortAffinity, b: ShortAffinity): boolean {
    return a.seconds === b.seconds
  }

  /** One that somebody damaged has no time. */
  async *list(): AsyncIterable<Iterable<readonly [ServerKey, ShortAffinity]>> {
    if (!(await this.#hasChains())) return
    const table = await listTable(this.#nft)
    const found = new Map<string, ShortAffinity>()
    for (const name of [...table.chains.keys(), ...table.sets.keys()]) {
      const key = affinityOfName(name)
      if (key) found.set(affinityName(key), { ...key, seconds: secondsOf(affinityName(key), table) })
    }
    yield [...found.values()].map((affinity) => [serverKey(affinity), affinity])
  }

  async revision(): Promise<string | undefined> {
    return (await this.#nft.generation?.())?.toString()
  }

  /** One transaction; halved, until only the bad one fails. */
  async apply(ops: readonly AffinityOp[]): Promise<readonly Outcome[]> {
    if (ops.length === 0) return []
    try {
      await this.#nft.run(ops.map((op) => scriptOf(op, op.kind !== 'add')).join(''))
      return ops.map(() => DONE)
    } catch (error) {
      if (ops.length === 1) return [await this.#without(ops[0]!, error as Error)]
      const middle = ops.length >> 1
      const first = await this.apply(ops.slice(0, middle))
      return first.concat(await this.apply(ops.slice(middle)))
    }
  }

  /** Without its map, which somebody may have removed. */
  async #without(op: AffinityOp, error: Error): Promise<Outcome> {
    if (op.kind === 'add' || codeOf(error) !== 'ENOENT') return outcomeOf(error)
    return this.#nft.run(scriptOf(op, false)).then(() => DONE, outcomeOf)
  }

  /** A listing of chains costs nothing; one of the table reads every element in it. */
  async #hasChains(): Promise<boolean> {
    const chains = (await this.#nft.listJson('list chains inet')) as readonly Listed[]
    return chains.some(
      ({ chain }) => `inet ${chain?.table}` === TABLE && affinityOfName(chain?.name ?? '') !== undefined,
    )
  }
}

function scriptOf(op: AffinityOp, map: boolean): string {
  return op.kind === 'remove' ? affinityRemoval(op.previous, map) : affinityScript(op.value, map)
}

function secondsOf(name: string, { chains, sets }: TableListing): number {
  const whole = chainsOf(name).every((chain, index) => chains.get(chain)?.length === RULES[index])
  return whole ? (timeoutOf(sets.get(name) ?? []) ?? 0) : 0
}
