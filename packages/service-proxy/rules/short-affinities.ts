/** Short session affinities as a Resource: a map and two chains each (rules/affinity.ts). */

import { hash } from 'node:crypto'
import { type ServerKey, serverKey } from '@podroute/kernel/ipvs/keys.ts'
import { type NftApi, nftRevision } from '@podroute/kernel/nft/api.ts'
import { listTable, type TableListing, timeoutOf } from '@podroute/kernel/nft/listing.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import {
  affinityName,
  affinityOfName,
  affinityRemoval,
  affinityScript,
  chainsOf,
  type ShortAffinity,
} from './affinity.ts'
import { TABLE_NAME } from './sets.ts'

type AffinityOp = Op<ServerKey, ShortAffinity>

interface Listed {
  readonly chain?: { readonly name: string; readonly table: string }
}

export class ShortAffinities implements Resource<ServerKey, ShortAffinity> {
  readonly name = 'short-affinities'
  readonly #nft: NftApi
  /**
   * Hash of the chains as nft lists them, by family and protocol: but for their names those of all affinities are the same. Each map has
   * it as a comment, so that a changed rule is found, also by an agent that starts later.
   */
  readonly #checks = new Map<string, string>()

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
    const table = await listTable(this.#nft, TABLE_NAME)
    const found = new Map<string, ShortAffinity>()
    for (const name of [...table.chains.keys(), ...table.sets.keys()]) {
      const key = affinityOfName(name)
      if (key)
        found.set(affinityName(key), { ...key, seconds: this.#secondsOf({ ...key, seconds: 0 }, table) })
    }
    yield [...found.values()].map((affinity) => [serverKey(affinity), affinity])
  }

  revision(): Promise<string | undefined> {
    return nftRevision(this.#nft)
  }

  async apply(ops: readonly AffinityOp[]): Promise<readonly Outcome[]> {
    return this.#apply(ops, await this.#learn(ops))
  }

  /**
   * How nft lists the chains is seen at the first affinity of each family and protocol, which is written twice for that.
   * Returns the keys of those.
   */
  async #learn(ops: readonly AffinityOp[]): Promise<ReadonlySet<ServerKey>> {
    const unknown = new Map<string, AffinityOp & { readonly kind: 'add' | 'replace' }>()
    for (const op of ops) {
      if (op.kind !== 'remove' && !this.#checks.has(kindOf(op.value))) unknown.set(kindOf(op.value), op)
    }
    const made = new Set<ServerKey>()
    for (const op of unknown.values()) {
      if ((await this.#applyOne(op)).ok) made.add(op.key)
    }
    if (made.size === 0) return made
    const table = await listTable(this.#nft, TABLE_NAME)
    for (const { key, value } of unknown.values()) {
      if (made.has(key)) this.#checks.set(kindOf(value), checkOf(value, table))
    }
    return made
  }

  /** One transaction; halved, until only the bad one fails. @param made what is there although it is to be added */
  async #apply(ops: readonly AffinityOp[], made: ReadonlySet<ServerKey>): Promise<readonly Outcome[]> {
    if (ops.length === 0) return []
    try {
      await this.#nft.run(ops.map((op) => this.#script(op, op.kind !== 'add' || made.has(op.key))).join(''))
      return ops.map(() => DONE)
    } catch {
      if (ops.length === 1) return [await this.#applyOne(ops[0]!, made)]
      const middle = ops.length >> 1
      const first = await this.#apply(ops.slice(0, middle), made)
      return first.concat(await this.#apply(ops.slice(middle), made))
    }
  }

  /** At last without its map, which somebody may have removed. */
  async #applyOne(op: AffinityOp, made: ReadonlySet<ServerKey> = new Set()): Promise<Outcome> {
    const map = op.kind !== 'add' || made.has(op.key)
    const outcome = await this.#nft.run(this.#script(op, map)).then(() => DONE, outcomeOf)
    if (outcome.ok || !map || codeOf(outcome.error) !== 'ENOENT') return outcome
    return this.#nft.run(this.#script(op, false)).then(() => DONE, outcomeOf)
  }

  #script(op: AffinityOp, map: boolean): string {
    if (op.kind === 'remove') return affinityRemoval(op.previous, map)
    return affinityScript(op.value, map, this.#checks.get(kindOf(op.value)))
  }

  #secondsOf(affinity: ShortAffinity, table: TableListing): number {
    const declaration = table.sets.get(affinityName(affinity)) ?? []
    const check = checkOf(affinity, table)
    if (!declaration.includes(`comment "${check}"`)) return 0
    this.#checks.set(kindOf(affinity), check)
    return timeoutOf(declaration) ?? 0
  }

  /** A listing of chains costs nothing; one of the table reads every element in it. */
  async #hasChains(): Promise<boolean> {
    const chains = (await this.#nft.listJson('list chains inet')) as readonly Listed[]
    return chains.some(({ chain }) => chain?.table === TABLE_NAME && affinityOfName(chain.name) !== undefined)
  }
}

function kindOf({ family, protocol }: ShortAffinity): string {
  return `${family} ${protocol}`
}

/** Of what is there now. */
function checkOf(affinity: ShortAffinity, { chains }: TableListing): string {
  const name = affinityName(affinity)
  const rules = chainsOf(name).map((chain) => chains.get(chain)?.join('\n').replaceAll(name, '@'))
  return hash('sha256', JSON.stringify(rules), 'hex').slice(0, 12)
}
