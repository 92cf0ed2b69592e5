/** Chains of policies as a Resource. Their names follow from their rules, so that one is written once and changed by nobody but others. */
import { nftRevision, type StructureChange } from '@podroute/kernel/nft/api.ts'
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
    return applyTogether(ops, (some) => this.#nft.writeStructure(TABLE_NAME, changes(some)))
  }
}

/** A rule may lead to any of them: all chains are there before it, and none goes before all are empty. Emptied even where they are new. */
function changes(ops: readonly ChainOp[]): readonly StructureChange[] {
  const made = ops.filter((op) => op.kind !== 'remove')
  const each = (kind: 'add-chain' | 'flush-chain' | 'delete-chain', some: readonly ChainOp[]) =>
    some.map(({ key: chain }) => ({ kind, chain }))
  return [
    ...each('add-chain', made),
    ...each('flush-chain', ops),
    ...made.flatMap(({ key: chain, value }) =>
      value.rules.map((rule) => ({ kind: 'add-rule' as const, chain, rule })),
    ),
    ...each(
      'delete-chain',
      ops.filter((op) => op.kind === 'remove'),
    ),
  ]
}
