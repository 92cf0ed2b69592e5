/** Elements of the masquerade sets in the nftables table that podroute's packages share. */
import { DONE, type Op, type Outcome, type Resource } from '@podroute/reconcile/resource.ts'
import { elementKey, MASQUERADE_SETS, masqueradeBase, type SetElement } from '../egress/masquerade.ts'

/** What is used of nftables. */
export interface NftRunner {
  /** One atomic transaction. @throws when nothing of it was done */
  run(script: string): Promise<void>
  /** Objects of `nft --json`. @throws when the table is not there */
  listJson(command: string): Promise<unknown[]>
}

const SET_NAMES: readonly string[] = MASQUERADE_SETS.flatMap((set) => [`${set}-4`, `${set}-6`])

export class SetElementResource implements Resource<string, SetElement> {
  readonly name = 'masquerade'
  readonly #nft: NftRunner
  readonly #enabled: () => boolean
  /** Whether table, sets and chain were put there by this process. */
  #based = false

  /** @param enabled whether the rule itself is there: the sets always are */
  constructor(nft: NftRunner, enabled: () => boolean) {
    this.#nft = nft
    this.#enabled = enabled
  }

  equal(a: SetElement, b: SetElement): boolean {
    return elementKey(a) === elementKey(b)
  }

  async *list(): AsyncIterable<Iterable<readonly [string, SetElement]>> {
    for (const set of SET_NAMES) {
      const values = (await this.#elements(set)).map((element) => ({ set, element }))
      yield values.map((value) => [elementKey(value), value])
    }
  }

  async apply(ops: readonly Op<string, SetElement>[]): Promise<readonly Outcome[]> {
    if (ops.length === 0) return []
    const lines = ops.map(line).join('')
    const base = masqueradeBase(this.#enabled())
    if (this.#based && (await this.#runs(lines))) return ops.map(() => DONE)
    // The base is idempotent and a constant: in front of the rest it heals a table that somebody deleted.
    this.#based = await this.#runs(base + lines)
    if (this.#based) return ops.map(() => DONE)
    const outcomes: Outcome[] = []
    for (const op of ops) outcomes.push(await this.#applyOne(base, op))
    return outcomes
  }

  async #runs(script: string): Promise<boolean> {
    return this.#nft.run(script).then(
      () => true,
      () => false,
    )
  }

  async #applyOne(base: string, op: Op<string, SetElement>): Promise<Outcome> {
    try {
      await this.#nft.run(base + line(op))
      return DONE
    } catch (error) {
      // An element that is gone needs no deletion, and nft has no way to say so.
      if (op.kind === 'remove' && !(await this.#elements(op.previous.set)).includes(op.previous.element))
        return DONE
      return { ok: false, error: error as Error }
    }
  }

  async #elements(set: string): Promise<string[]> {
    const objects = await this.#nft.listJson(`list set inet podroute ${set}`).catch(() => [])
    return objects.flatMap((object) => {
      const elements = (object as { set?: { elem?: unknown[] } }).set?.elem ?? []
      return elements.flatMap((element) => elementText(element) ?? [])
    })
  }
}

function line(op: Op<string, SetElement>): string {
  const { set, element } = op.kind === 'remove' ? op.previous : op.value
  return `${op.kind === 'remove' ? 'delete' : 'add'} element inet podroute ${set} { ${element} }\n`
}

/** `"10.0.0.1"` or `{"prefix": {"addr": "10.244.1.0", "len": 24}}`, as nft prints them. */
function elementText(element: unknown): string | undefined {
  if (typeof element === 'string') return element
  const prefix = (element as { prefix?: { addr?: unknown; len?: unknown } }).prefix
  return prefix ? `${prefix.addr}/${prefix.len}` : undefined
}
