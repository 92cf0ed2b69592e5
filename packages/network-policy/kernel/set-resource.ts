/** Sets that rules of policies refer to, as a Resource: what is in them is another table's. */
import { type NftApi, type NftRevision, nftRevision, type StructureChange } from '@podroute/kernel/nft/api.ts'
import type { ElementType } from '@podroute/kernel/nft/definition.ts'
import { listTable } from '@podroute/kernel/nft/listing.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { applyTogether } from './apply-together.ts'
import { referredType, TABLE_NAME } from './table.ts'

/** What is used of nftables. */
export type PolicyNft = Pick<NftApi, 'writeStructure' | 'show'> & NftRevision

/** `type ipv4_addr`: follows from its name. */
export type SetDeclaration = string

type SetOp = Op<string, SetDeclaration>

export class PolicySetResource implements Resource<string, SetDeclaration> {
  readonly name = 'policy-sets'
  readonly #nft: PolicyNft

  constructor(nft: PolicyNft) {
    this.#nft = nft
  }

  equal(a: SetDeclaration, b: SetDeclaration): boolean {
    return a === b
  }

  async *list(): AsyncIterable<Iterable<readonly [string, SetDeclaration]>> {
    const { sets } = await listTable(this.#nft, TABLE_NAME)
    yield [...sets]
      .filter(([name]) => referredType(name) !== undefined)
      .map(([name, lines]) => [name, lines.find((line) => line.startsWith('type ')) ?? ''] as const)
  }

  revision(): Promise<string | undefined> {
    return nftRevision(this.#nft)
  }

  apply(ops: readonly SetOp[]): Promise<readonly Outcome[]> {
    return applyTogether(ops, (some) => this.#nft.writeStructure(TABLE_NAME, some.map(change)))
  }
}

/** The sets of policies that there are, by their names: elements are listed by them. */
export async function policySets(nft: Pick<NftApi, 'show'>): Promise<Readonly<Record<string, ElementType>>> {
  const { sets } = await listTable(nft, TABLE_NAME)
  const types = [...sets.keys()].map((name) => [name, referredType(name)] as const)
  return Object.fromEntries(types.filter((entry): entry is [string, ElementType] => entry[1] !== undefined))
}

export function declarationOf(name: string): SetDeclaration {
  return `type ${referredType(name)?.key.join(' . ')}`
}

function change({ kind, key: set }: SetOp): StructureChange {
  return kind === 'remove' ? { kind: 'delete-set', set } : { kind: 'add-set', set, type: referredType(set)! }
}
