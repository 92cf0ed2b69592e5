/** Elements of a table's sets as a Resource: a batch is one transaction, and halved until only the bad element fails. */
import { hostCidr, overlaps, parseCidr } from '@podroute/address/cidr.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import { type ElementChange, type NftApi, type NftRevision, nftRevision } from './api.ts'
import type { ElementType } from './definition.ts'
import { type ElementKey, elementKey, type SetElement } from './element.ts'

type ElementOp = Op<ElementKey, SetElement>

/** What is used of nftables. */
export type NftElementSets = Pick<NftApi, 'run' | 'elements' | 'writeElements'> & NftRevision

/** Of a set that another version had: nft writes its elements. */
const NO_TYPE: ElementType = { key: [], interval: true }

/** Sets by their names. */
export type SetTypes = Readonly<Record<string, ElementType>>

/** Sets that come and go. */
export interface VaryingSets {
  /** Those that there are. */
  list(): Promise<SetTypes>
  typeOf(set: string): ElementType | undefined
}

export class SetElementResource implements Resource<ElementKey, SetElement> {
  readonly name: string
  readonly #nft: NftElementSets
  readonly #table: string
  readonly #sets: VaryingSets

  /** @param sets those of the table whose elements are ours to keep */
  constructor(nft: NftElementSets, table: string, sets: SetTypes | VaryingSets, name = 'set-elements') {
    this.name = name
    this.#nft = nft
    this.#table = table
    this.#sets = isVarying(sets) ? sets : { list: async () => sets, typeOf: (set) => sets[set] }
  }

  /** But for its value, an element is its key. */
  equal(a: SetElement, b: SetElement): boolean {
    return a.element === b.element
  }

  async *list(): AsyncIterable<Iterable<readonly [ElementKey, SetElement]>> {
    for (const [set, type] of Object.entries(await this.#sets.list())) yield await this.#listSet(set, type)
  }

  async read(keys: readonly ElementKey[]): Promise<ReadonlyMap<ElementKey, SetElement>> {
    const sets = new Set(keys.map((key) => key.slice(0, key.indexOf(' '))))
    const wanted = new Set(keys)
    const found = new Map<ElementKey, SetElement>()
    for (const set of sets) {
      for (const [key, element] of await this.#listSet(set, this.#sets.typeOf(set)))
        if (wanted.has(key)) found.set(key, element)
    }
    return found
  }

  revision(): Promise<string | undefined> {
    return nftRevision(this.#nft)
  }

  async apply(ops: readonly ElementOp[]): Promise<readonly Outcome[]> {
    if (ops.length === 0) return []
    try {
      await this.#write(ops)
      return ops.map(() => DONE)
    } catch (error) {
      if (ops.length === 1) return [await this.#applyAlone(ops[0]!, error as Error)]
      const middle = ops.length >> 1
      const first = await this.apply(ops.slice(0, middle))
      return first.concat(await this.apply(ops.slice(middle)))
    }
  }

  /** What somebody else has removed is no fault: only then is it added first. */
  async #write(ops: readonly ElementOp[]): Promise<void> {
    const changes = elementChanges(ops, (set) => this.#sets.typeOf(set))
    const removals = changes.filter(({ kind }) => kind === 'delete')
    await this.#nft.writeElements(this.#table, changes).catch((error: Error) => {
      if (codeOf(error) !== 'ENOENT' || removals.length === 0) throw error
      const first = removals.map((change) => ({ ...change, kind: 'add' as const }))
      return this.#nft.writeElements(this.#table, [...first, ...changes])
    })
  }

  /**
   * One that failed. In a set of intervals a prefix is in the way of those that it holds, and they of it, until the removals of the same
   * flush: nobody wants both, so that what is in the way goes in the same transaction. What is gone need not be removed.
   */
  async #applyAlone(op: ElementOp, error: Error): Promise<Outcome> {
    const { set, element } = op.kind === 'remove' ? op.previous : op.value
    try {
      const type = this.#sets.typeOf(set)
      if (!isPrefixSet(type)) return outcomeOf(error)
      const there = await this.#nft.elements(this.#table, set, type)
      if (op.kind === 'remove') return there.includes(element) ? outcomeOf(error) : DONE
      const inTheWay = overlapping(element, there)
      if (inTheWay.length === 0) return outcomeOf(error)
      const place = `element inet ${this.#table} ${set}`
      // nft refuses what is in the way of an element that the same script adds before it is deleted.
      await this.#nft.run(`delete ${place} { ${inTheWay.join(', ')} }\nadd ${place} { ${element} }\n`)
      return DONE
    } catch {
      return outcomeOf(error)
    }
  }

  async #listSet(
    set: string,
    type: ElementType | undefined,
  ): Promise<Iterable<readonly [ElementKey, SetElement]>> {
    const elements = type ? await this.#nft.elements(this.#table, set, type).catch(withoutSet) : []
    return entriesOf(set, elements)
  }
}

function isVarying(sets: SetTypes | VaryingSets): sets is VaryingSets {
  return typeof sets.list === 'function'
}

/** Sets were made anew: which of their elements are there is read before the next flush. */
export function touchSets(
  table: Pick<Table<ElementKey, SetElement>, 'desired' | 'touch'>,
  sets: ReadonlySet<string>,
): void {
  for (const [key, { set }] of table.desired()) if (sets.has(set)) table.touch(key)
}

function withoutSet(error: Error): readonly string[] {
  if (codeOf(error) === 'ENOENT') return []
  throw error
}

function* entriesOf(set: string, elements: readonly string[]): Iterable<readonly [ElementKey, SetElement]> {
  for (const text of elements) {
    const element = { set, element: text }
    yield [elementKey(element), element]
  }
}

/** Whether its elements are prefixes alone. */
function isPrefixSet(type: ElementType | undefined): type is ElementType {
  return type?.interval === true && type.key.length === 1 && type.value === undefined
}

/** Other prefixes that have addresses in common with this one. A single address is listed as one. */
function overlapping(element: string, others: readonly string[]): readonly string[] {
  const prefixOf = (text: string) => parseCidr(text) ?? hostCidr(text)
  const own = prefixOf(element)
  return others.filter((text) => {
    const other = prefixOf(text)
    return own && other && text !== element && own.family === other.family && overlaps(own, other)
  })
}

/** Removals come first: a value is replaced that way. */
function elementChanges(
  ops: readonly ElementOp[],
  typeOf: (set: string) => ElementType | undefined,
): readonly ElementChange[] {
  const added = new Map<string, string[]>()
  const removed = new Map<string, string[]>()
  for (const op of ops) {
    if (op.kind !== 'add') collect(removed, op.previous)
    if (op.kind !== 'remove') collect(added, op.value)
  }
  const changes = (kind: ElementChange['kind'], groups: ReadonlyMap<string, readonly string[]>) =>
    [...groups].map(([set, elements]) => ({ kind, set, elements, type: typeOf(set) ?? NO_TYPE }))
  return [...changes('delete', removed), ...changes('add', added)]
}

function collect(groups: Map<string, string[]>, { set, element }: SetElement): void {
  const elements = groups.get(set)
  if (elements) elements.push(element)
  else groups.set(set, [element])
}
