/**
 * Elements of the table as a Resource: who is in the sets that rules name, and which chain judges a pod. Both are one transaction, of which
 * the kernel checks the rules of all chains once.
 */
import type { ElementKey, SetElement } from '@podroute/kernel/nft/element.ts'
import { type NftElementSets, SetElementResource } from '@podroute/kernel/nft/element-resource.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { type PolicyNft, policySets } from './set-resource.ts'
import { DISPATCH_SETS, referredType, TABLE_NAME } from './table.ts'

type ElementOp = Op<ElementKey, SetElement>

/** Of one transaction. */
const MOST_TOGETHER = 4096

export class PolicyElementResource implements Resource<ElementKey, SetElement> {
  readonly name = 'policy-elements'
  readonly #elements: SetElementResource

  constructor(nft: PolicyNft & NftElementSets) {
    this.#elements = new SetElementResource(nft, TABLE_NAME, {
      list: async () => ({ ...DISPATCH_SETS, ...(await policySets(nft)) }),
      typeOf: (set) => DISPATCH_SETS[set] ?? referredType(set),
    })
  }

  equal(a: SetElement, b: SetElement): boolean {
    return this.#elements.equal(a, b)
  }

  list(): AsyncIterable<Iterable<readonly [ElementKey, SetElement]>> {
    return this.#elements.list()
  }

  read(keys: readonly ElementKey[]): Promise<ReadonlyMap<ElementKey, SetElement>> {
    return this.#elements.read(keys)
  }

  revision(): Promise<string | undefined> {
    return this.#elements.revision()
  }

  /** A pod's packets find their chain last, when the pods that its rules name are in their sets; and lose it first. */
  async apply(ops: readonly ElementOp[]): Promise<readonly Outcome[]> {
    const sorted = ops.toSorted((a, b) => placeOf(a) - placeOf(b))
    const outcomes = new Map<ElementOp, Outcome>()
    for (let at = 0; at < sorted.length; at += MOST_TOGETHER) {
      const some = sorted.slice(at, at + MOST_TOGETHER)
      for (const [index, outcome] of (await this.#elements.apply(some)).entries())
        outcomes.set(some[index]!, outcome)
    }
    return ops.map((op) => outcomes.get(op)!)
  }
}

function placeOf(op: ElementOp): -1 | 0 | 1 {
  const { set } = op.kind === 'remove' ? op.previous : op.value
  if (!(set in DISPATCH_SETS)) return 0
  return op.kind === 'remove' ? -1 : 1
}
