/**
 * The constant rules as a Resource of one key. Their value is the hash of the script they came from; beside them lies an
 * empty chain whose name holds that hash and the fingerprint of what the kernel made of the script, so that a restarted agent
 * sees without a write whether they are what it would load.
 */
import { createHash } from 'node:crypto'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { NftApi } from '../kernel/kernel.ts'
import { baseScript, CHAINS, removalScript } from './base.ts'
import type { TableListing } from './listing.ts'
import { TABLE } from './sets.ts'
import { listTable } from './table-listing.ts'

export const BASE = 'base'
const MARKER = 'service-base-'

/** The value of the rules that this version loads. */
export function baseVersion(): string {
  return hash(baseScript())
}

export class BaseRules implements Resource<typeof BASE, string> {
  readonly name = 'base-rules'
  readonly #nft: NftApi

  constructor(nft: NftApi) {
    this.#nft = nft
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [typeof BASE, string]>> {
    const table = await listTable(this.#nft)
    const fingerprint = fingerprintOf(table)
    if (fingerprint === undefined) return
    const [marker] = markersIn(table)
    const [version, loaded] = marker?.slice(MARKER.length).split('-') ?? []
    yield [[BASE, version && loaded === fingerprint ? version : `changed ${fingerprint}`]]
  }

  async revision(): Promise<string | undefined> {
    return (await this.#nft.generation?.())?.toString()
  }

  async apply(ops: readonly Op<typeof BASE, string>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) {
      const work = op.kind === 'remove' ? this.#remove() : this.#load(op.value)
      outcomes.push(await work.then(() => DONE, outcomeOf))
    }
    return outcomes
  }

  async #load(version: string): Promise<void> {
    await this.#nft.run(baseScript())
    const table = await listTable(this.#nft)
    const marker = `${MARKER}${version}-${fingerprintOf(table)}`
    const commands = [
      ...markersIn(table)
        .filter((name) => name !== marker)
        .map((name) => `delete chain ${TABLE} ${name}`),
      `add chain ${TABLE} ${marker}`,
    ]
    await this.#nft.run(`${commands.join('\n')}\n`)
  }

  async #remove(): Promise<void> {
    const markers = markersIn(await listTable(this.#nft)).map((name) => `delete chain ${TABLE} ${name}\n`)
    await this.#nft.run(removalScript() + markers.join(''))
    const rest = (await this.#nft.listJson(`list table ${TABLE}`)) as { table?: unknown }[]
    if (rest.every((object) => object.table !== undefined)) await this.#nft.run(`delete table ${TABLE}\n`)
  }
}

/** Hash of chains and rules as the kernel lists them; undefined where a chain is missing. */
function fingerprintOf({ chains }: TableListing): string | undefined {
  const parts = Object.keys(CHAINS).map((name) => chains.get(name))
  return parts.includes(undefined) ? undefined : hash(JSON.stringify(parts))
}

function markersIn({ chains }: TableListing): string[] {
  return [...chains.keys()].filter((name) => name.startsWith(MARKER))
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
