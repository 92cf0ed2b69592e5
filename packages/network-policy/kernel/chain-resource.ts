/** Chains of policies as a Resource. Their names follow from their rules, so that one is written once and changed by nobody but others. */
import { nftRevision } from '@podroute/kernel/nft/api.ts'
import { listTable } from '@podroute/kernel/nft/listing.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import type { PolicyChain } from '../compile/chain.ts'
import { applyTogether } from './apply-together.ts'
import type { PolicyNft } from './set-resource.ts'
import { isPolicyChain, TABLE_NAME } from './table.ts'

type ChainOp = Op<string, PolicyChain>

export class PolicyChainResource implements Resource<string, PolicyChain> {
  readonly name = 'policy-chains'
  readonly #nft: PolicyNft

  constructor(nft: PolicyNft) {
    this.#nft = nft
  }

  equal(a: PolicyChain, b: PolicyChain): boolean {
    return a.rules.length === b.rules.length && a.rules.every((rule, index) => rule === b.rules[index])
  }

  async *list(): AsyncIterable<Iterable<readonly [string, PolicyChain]>> {
    const { chains } = await listTable(this.#nft, TABLE_NAME)
    yield [...chains]
      .filter(([name]) => isPolicyChain(name))
      .map(([name, rules]) => [name, { name, rules }] as const)
  }

  revision(): Promise<string | undefined> {
    return nftRevision(this.#nft)
  }

  /** Removals are rare and cost the kernel 8 ms each in transactions of their own (measured): one for all. */
  apply(ops: readonly ChainOp[]): Promise<readonly Outcome[]> {
    return applyTogether(ops, (some) => this.#nft.run(script(some)))
  }
}

/** A rule may lead to any of them: all chains are there before it, and none goes before all are empty. Emptied even where they are new. */
function script(ops: readonly ChainOp[]): string {
  const at = (key: string) => `inet ${TABLE_NAME} ${key}`
  const made = ops.filter((op) => op.kind !== 'remove')
  const gone = ops.filter((op) => op.kind === 'remove')
  const lines = [
    ...made.map(({ key }) => `add chain ${at(key)}`),
    ...ops.map(({ key }) => `flush chain ${at(key)}`),
    ...made.flatMap(({ key, value }) => value.rules.map((rule) => `add rule ${at(key)} ${rule}`)),
    ...gone.map(({ key }) => `delete chain ${at(key)}`),
  ]
  return lines.map((line) => `${line}\n`).join('')
}
