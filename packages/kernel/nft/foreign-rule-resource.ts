/**
 * Rules of ours in chains that are somebody else's, as a Resource: `accept` in a chain of our own does not keep a packet from the `drop`
 * of another one at the same hook. Each is the last of its chain, so that what the chain's owner decides is decided before, and says by
 * its comment whose it is; iptables lists it like one of its own, and may remove it.
 */
import type { BaseChain, NftFamily } from '@podroute/linux/nft/chains.ts'
import { applyEach, codeOf, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import { type NftApi, nftRevision } from './api.ts'

export type ChainName = Pick<BaseChain, 'family' | 'table' | 'name'>

/** Accepts packets that come in (`iifname`) or go out (`oifname`) by an interface. */
export interface ForeignRule {
  readonly chain: ChainName
  readonly side: 'iifname' | 'oifname'
  readonly interface: string
}

/** What is used of nftables. */
export type ForeignRules = Pick<NftApi, 'run' | 'commentedRules' | 'generation'>

const COMMENT = /^podroute (iifname|oifname) (\S+)$/

export class ForeignRuleResource implements Resource<string, ForeignRule> {
  readonly name = 'foreign-rules'
  readonly #nft: ForeignRules
  readonly #chains: readonly ChainName[]

  /** @param chains where rules of ours may be */
  constructor(nft: ForeignRules, chains: readonly ChainName[]) {
    this.#nft = nft
    this.#chains = chains
  }

  /** A key says all that there is to a rule. */
  equal(): boolean {
    return true
  }

  async *list(): AsyncIterable<Iterable<readonly [string, ForeignRule]>> {
    for (const chain of this.#chains) {
      const rules = (await this.#nft.commentedRules(chain)).flatMap(
        ({ comment }) => ruleOf(chain, comment) ?? [],
      )
      yield rules.map((rule) => [foreignRuleKey(rule), rule] as const)
    }
  }

  revision(): Promise<string | undefined> {
    return nftRevision(this.#nft)
  }

  apply(ops: readonly Op<string, ForeignRule>[]): Promise<readonly Outcome[]> {
    return applyEach(ops, (op) => (op.kind === 'remove' ? this.#remove(op.previous) : this.#add(op.value)))
  }

  #add(rule: ForeignRule): Promise<void> {
    const match = `${rule.side} "${rule.interface}"`
    const comment = `comment "${commentOf(rule)}"`
    return this.#nft.run(`add rule ${chainText(rule.chain)} ${match} counter accept ${comment}\n`)
  }

  /** Also those that a restored listing of iptables has made two of. */
  async #remove(rule: ForeignRule): Promise<void> {
    for (const { handle, comment } of await this.#nft.commentedRules(rule.chain))
      if (comment === commentOf(rule)) await this.#delete(rule, handle)
  }

  async #delete({ chain }: ForeignRule, handle: bigint): Promise<void> {
    try {
      await this.#nft.run(`delete rule ${chainText(chain)} handle ${handle}\n`)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}

export function foreignRuleKey(rule: ForeignRule): string {
  return `${chainText(rule.chain)} ${rule.side} ${rule.interface}`
}

export function chainText({ family, table, name }: ChainName): string {
  return `${family satisfies NftFamily} ${table} ${name}`
}

function commentOf({ side, interface: name }: ForeignRule): string {
  return `podroute ${side} ${name}`
}

function ruleOf(chain: ChainName, comment: string): ForeignRule | undefined {
  const [, side, name] = COMMENT.exec(comment) ?? []
  return side && name ? { chain, side: side as ForeignRule['side'], interface: name } : undefined
}
