/** nftables, as far as tables of ours and their elements need it. */
import type { BaseChain, CommentedRule } from '@podroute/linux/nft/chains.ts'
import type { ElementType } from './definition.ts'

/** Adding what is there changes nothing; deleting what is not is refused with ENOENT, another value of a key with EEXIST. */
export interface ElementChange {
  readonly kind: 'add' | 'delete'
  readonly set: string
  readonly type: ElementType
  /** In nft syntax. */
  readonly elements: readonly string[]
  /** Milliseconds until those that are added end by themselves, in sets with timeouts. */
  readonly timeout?: number
}

/** Adding a set or chain that is there changes nothing; a set or chain that something leads to cannot be deleted (EBUSY). */
export type StructureChange =
  | { readonly kind: 'add-set'; readonly set: string; readonly type: ElementType }
  | { readonly kind: 'delete-set'; readonly set: string }
  | { readonly kind: 'add-chain' | 'flush-chain' | 'delete-chain'; readonly chain: string }
  /** Behind those that the chain has. In nft syntax. */
  | { readonly kind: 'add-rule'; readonly chain: string; readonly rule: string }

export interface ElementCount {
  /** In nft syntax. */
  readonly element: string
  readonly packets: number
}

export interface NftApi {
  /** One transaction of nft syntax: all of it or, when it rejects, nothing. */
  run(script: string): Promise<void>
  /** Elements of one table's sets as one transaction: all of it or, when it rejects, nothing. Costs no more where there are many sets and chains, as `run` does. */
  writeElements(table: string, changes: readonly ElementChange[]): Promise<void>
  /** Sets, chains that only rules lead to, and rules of one table as one transaction: all of it or, when it rejects, nothing. Costs as little as `writeElements`. */
  writeStructure(table: string, changes: readonly StructureChange[]): Promise<void>
  /** The elements of a set in nft syntax. @param table `bridge podroute-ports`; a name alone is of family inet. Rejects with ENOENT without the set. */
  elements(table: string, set: string, type: ElementType): Promise<readonly string[]>
  /** As `elements`, with the packets that each has counted; 0 where none does. */
  counts(table: string, set: string, type: ElementType): Promise<readonly ElementCount[]>
  /** The objects that a `list …` command answers with, as nft's JSON has them. Rejects with ENOENT where nothing is. */
  listJson(command: string): Promise<readonly unknown[]>
  /** What a `list …` command prints, without the elements of sets. Rejects with ENOENT where nothing is. */
  show(command: string): Promise<string>
  /** The number of the last transaction, whoever's it was: each adds one, and what follows the largest is 1. */
  generation(): Promise<number>
  /** A text that is another one when somebody else has changed anything; undefined: not known now. Absent: it cannot be told. */
  foreignRevision?(): Promise<string | undefined>
  /** Chains of every table that the kernel itself leads packets to. */
  baseChains(): Promise<readonly BaseChain[]>
  /** The rules of a chain that have a comment, in their order; none where there is no such chain. */
  commentedRules(chain: Pick<BaseChain, 'family' | 'table' | 'name'>): Promise<readonly CommentedRule[]>
}

/** What a Resource of nftables asks whether anything has changed. */
export interface NftRevision extends Pick<NftApi, 'generation'> {
  /** In place of the generation: for Resources that know what they have written themselves. */
  revision?(): Promise<string | undefined>
}

/** A text that is another one after every transaction: until then no table has changed. */
export async function nftRevision(nft: NftRevision): Promise<string | undefined> {
  return nft.revision ? nft.revision() : (await nft.generation()).toString()
}
