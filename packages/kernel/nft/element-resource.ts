/** Elements of a table's sets as a Resource: a batch is one transaction, and halved until only the bad element fails. */
import { hostCidr, overlaps, parseCidr } from '@podroute/address/cidr.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import { type NftApi, type NftRevision, nftRevision } from './api.ts'
import { type ElementType, tableAt } from './definition.ts'
import { type ElementKey, elementKey, type SetElement } from './element.ts'

type ElementOp = Op<ElementKey, SetElement>

/** What is used of nftables. */
export type NftElementSets = Pick<NftApi, 'run' | 'elements'> & NftRevision

/** Elements of one command: a script of any length is one transaction, but nft's parser slows down on long lists. */
const ELEMENTS_PER_COMMAND = 500

/** Sets by their names. */
export type SetTypes = Readonly<Record<string, ElementType>>

export class SetElementResource implements Resource<ElementKey, SetElement> {
  readonly name: string
  readonly #nft: NftElementSets
  readonly #table: string
  readonly #sets: () => SetTypes | Promise<SetTypes>

  /** @param sets those of the table whose elements are ours to keep; where they come and go, those that there are */
  constructor(
    nft: NftElementSets,
    table: string,
    sets: SetTypes | (() => Promise<SetTypes>),
    name = 'set-elements',
  ) {
    this.name = name
    this.#nft = nft
    this.#table = table
    this.#sets = typeof sets === 'function' ? sets : () => sets
  }

  /** But for its value, an element is its key. */
  equal(a: SetElement, b: SetElement): boolean {
    return a.element === b.element
  }

  async *list(): AsyncIterable<Iterable<readonly [ElementKey, SetElement]>> {
    for (const [set, type] of Object.entries(await this.#sets())) yield await this.#listSet(set, type)
  }

  async read(keys: readonly ElementKey[]): Promise<ReadonlyMap<ElementKey, SetElement>> {
    const sets = new Set(keys.map((key) => key.slice(0, key.indexOf(' '))))
    const wanted = new Set(keys)
    const found = new Map<ElementKey, SetElement>()
    const types = await this.#sets()
    for (const set of sets) {
      for (const [key, element] of await this.#listSet(set, types[set]))
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
      await this.#nft.run(elementScript(tableAt(this.#table), ops))
      return ops.map(() => DONE)
    } catch (error) {
      if (ops.length === 1) return [await this.#applyAlone(ops[0]!, error as Error)]
      const middle = ops.length >> 1
      const first = await this.apply(ops.slice(0, middle))
      return first.concat(await this.apply(ops.slice(middle)))
    }
  }

  /**
   * One that failed. In a set of intervals a prefix is in the way of those that it holds, and they of it, until the removals of the same
   * flush: nobody wants both, so that what is in the way goes in the same transaction. What is gone need not be removed.
   */
  async #applyAlone(op: ElementOp, error: Error): Promise<Outcome> {
    const { set, element } = op.kind === 'remove' ? op.previous : op.value
    try {
      const type = (await this.#sets())[set]
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

/** Adding twice is no error to nft; removing what is gone is, so it is added first, in the same transaction. A value is replaced that way, too. */
export function elementScript(table: string, ops: readonly ElementOp[]): string {
  const added = new Map<string, string[]>()
  const removed = new Map<string, string[]>()
  for (const op of ops) {
    if (op.kind !== 'add') collect(removed, op.previous)
    if (op.kind !== 'remove') collect(added, op.value)
  }
  return [
    ...commands(table, 'add', removed),
    ...commands(table, 'delete', removed),
    ...commands(table, 'add', added),
    '',
  ].join('\n')
}

function collect(groups: Map<string, string[]>, { set, element }: SetElement): void {
  const elements = groups.get(set)
  if (elements) elements.push(element)
  else groups.set(set, [element])
}

function* commands(
  table: string,
  verb: 'add' | 'delete',
  groups: ReadonlyMap<string, readonly string[]>,
): Iterable<string> {
  for (const [set, elements] of groups) {
    for (let start = 0; start < elements.length; start += ELEMENTS_PER_COMMAND) {
      const list = elements.slice(start, start + ELEMENTS_PER_COMMAND).join(', ')
      yield `${verb} element ${table} ${set} { ${list} }`
    }
  }
}
