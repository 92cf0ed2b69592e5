/**
 * Table `inet podroute`, which all features of earlier versions shared. What is a feature's there is nothing that anybody wants any more:
 * it stays until the feature's own table is loaded and filled, and is swept then. What others have put there stays, and the table with it.
 */
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { applyEach, codeOf } from '@podroute/reconcile/resource.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { type NftApi, nftRevision } from './api.ts'
import { readTable } from './listing.ts'

const FORMER = 'inet podroute'

export class FormerTableResource implements Resource<string, string> {
  readonly name = 'former-rules'
  readonly #nft: Pick<NftApi, 'run' | 'show' | 'generation'>
  readonly #names: RegExp

  /** @param names of the chains, sets and maps that the feature had there */
  constructor(nft: Pick<NftApi, 'run' | 'show' | 'generation'>, names: RegExp) {
    this.#nft = nft
    this.#names = names
  }

  equal(a: string, b: string): boolean {
    return a === b
  }

  /** One key for all of it: chains and sets depend on each other, so that they go together. */
  async *list(): AsyncIterable<Iterable<readonly [string, string]>> {
    const removal = await this.#removal()
    if (removal !== '') yield [[FORMER, removal]]
  }

  revision(): Promise<string | undefined> {
    return nftRevision(this.#nft)
  }

  /** Nobody adds anything to it. */
  apply(ops: readonly Op<string, string>[]): Promise<readonly Outcome[]> {
    return applyEach(ops, async (op) => (op.kind === 'remove' ? this.#remove() : undefined))
  }

  async #remove(): Promise<void> {
    const removal = await this.#removal()
    if (removal !== '') await this.#nft.run(removal)
    if (isEmpty(await this.#show())) await this.#nft.run(`delete table ${FORMER}\n`)
  }

  /** Chains are emptied before any is removed, and sets go behind them: they refer to each other. */
  async #removal(): Promise<string> {
    const { chains, sets, kinds } = readTable(await this.#show())
    const ours = (names: Iterable<string>) => [...names].filter((name) => this.#names.test(name))
    const [ownChains, ownSets] = [ours(chains.keys()), ours(sets.keys())]
    const lines = [
      ...ownChains.map((name) => `flush chain ${FORMER} ${name}`),
      ...ownSets.map((name) => `flush ${kinds.get(name)} ${FORMER} ${name}`),
      ...ownChains.map((name) => `delete chain ${FORMER} ${name}`),
      ...ownSets.map((name) => `delete ${kinds.get(name)} ${FORMER} ${name}`),
    ]
    return lines.map((line) => `${line}\n`).join('')
  }

  async #show(): Promise<string> {
    return this.#nft.show(`list table ${FORMER}`).catch((error: Error) => {
      if (codeOf(error) === 'ENOENT') return ''
      throw error
    })
  }
}

/** Removes what a feature that is switched off had there: it does not do so itself. Rejects with why something is left. */
export async function removeFormer(
  nft: Pick<NftApi, 'run' | 'show' | 'generation'>,
  names: RegExp,
): Promise<void> {
  const table = new Table(new FormerTableResource(nft, names))
  await table.adopt()
  table.sweep()
  await table.flush()
  for (const [, error] of table.failures()) throw error
}

/** A table of which a listing shows no line inside. */
function isEmpty(listing: string): boolean {
  return listing.startsWith('table ') && !/^\t/m.test(listing)
}
