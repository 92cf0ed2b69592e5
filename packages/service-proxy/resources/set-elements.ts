/** Elements of our nftables sets as a Resource: a batch is one transaction, and halved until only the bad element fails. */

import { formatAddress, parseAddress } from '@podroute/linux/address.ts'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { codeOf, DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import type { NftSeam } from '../kernel.ts'
import type { ElementKey, SetElement } from '../rules/sets.ts'
import { elementKey, markText, SET_NAMES, setKind, setOf, TABLE } from '../rules/sets.ts'

type ElementOp = Op<ElementKey, SetElement>

/** Names of all sets, each with its kind. */
const ALL_SETS = new Map(
  SET_NAMES.flatMap((name) => ([4, 6] as const).map((family) => [setOf(name, family), setKind(name)])),
)
/** Elements of one command: a script of any length is one transaction, but nft's parser slows down on long lists. */
const ELEMENTS_PER_COMMAND = 500

export class SetElements implements Resource<ElementKey, SetElement> {
  readonly name = 'set-elements'
  readonly #nft: NftSeam

  constructor(nft: NftSeam) {
    this.#nft = nft
  }

  /** But for its value, an element is its key. */
  equal(a: SetElement, b: SetElement): boolean {
    return a.element === b.element
  }

  async *list(): AsyncIterable<readonly [ElementKey, SetElement]> {
    for (const set of ALL_SETS.keys()) yield* await this.#listSet(set)
  }

  async read(keys: readonly ElementKey[]): Promise<ReadonlyMap<ElementKey, SetElement>> {
    const sets = new Set(keys.map((key) => key.slice(0, key.indexOf(' '))))
    const wanted = new Set(keys)
    const found = new Map<ElementKey, SetElement>()
    for (const set of sets) {
      for (const [key, element] of await this.#listSet(set)) if (wanted.has(key)) found.set(key, element)
    }
    return found
  }

  async apply(ops: readonly ElementOp[]): Promise<readonly Outcome[]> {
    if (ops.length === 0) return []
    try {
      await this.#nft.run(elementScript(ops))
      return ops.map(() => DONE)
    } catch (error) {
      if (ops.length === 1) return [outcomeOf(error as Error)]
      const middle = ops.length >> 1
      const first = await this.apply(ops.slice(0, middle))
      return first.concat(await this.apply(ops.slice(middle)))
    }
  }

  async #listSet(set: string): Promise<(readonly [ElementKey, SetElement])[]> {
    const objects = await this.#nft
      .listJson(`list ${ALL_SETS.get(set) ?? 'set'} ${TABLE} ${set}`)
      .catch((error: Error) => {
        if (codeOf(error) === 'ENOENT') return []
        throw error
      })
    const elements = objects.flatMap((object) => {
      const { set: listed, map } = object as ListedSet
      return listed?.elem ?? map?.elem ?? []
    })
    return elements.map((json) => {
      const element = { set, element: elementText(json) }
      return [elementKey(element), element] as const
    })
  }
}

interface ListedSet {
  readonly set?: { readonly elem?: readonly unknown[] }
  readonly map?: { readonly elem?: readonly unknown[] }
}

/** Adding twice is no error to nft; removing what is gone is, so it is added first, in the same transaction. A value is replaced that way, too. */
export function elementScript(ops: readonly ElementOp[]): string {
  const added = new Map<string, string[]>()
  const removed = new Map<string, string[]>()
  for (const op of ops) {
    if (op.kind !== 'add') collect(removed, op.previous)
    if (op.kind !== 'remove') collect(added, op.value)
  }
  return [...commands('add', removed), ...commands('delete', removed), ...commands('add', added), ''].join(
    '\n',
  )
}

function collect(groups: Map<string, string[]>, { set, element }: SetElement): void {
  const elements = groups.get(set)
  if (elements) elements.push(element)
  else groups.set(set, [element])
}

function* commands(verb: 'add' | 'delete', groups: ReadonlyMap<string, readonly string[]>): Iterable<string> {
  for (const [set, elements] of groups) {
    for (let start = 0; start < elements.length; start += ELEMENTS_PER_COMMAND) {
      const list = elements.slice(start, start + ELEMENTS_PER_COMMAND).join(', ')
      yield `${verb} element ${TABLE} ${set} { ${list} }`
    }
  }
}

/** libnftables-json(5): a value, a `concat` of values, a `prefix`, or a pair of key and value; as we write it. */
export function elementText(json: unknown): string {
  if (Array.isArray(json)) return `${elementText(json[0])} : ${valueText(json[1])}`
  if (typeof json === 'number') return String(json)
  if (typeof json === 'string') return canonical(json)
  const object = json as {
    concat?: unknown[]
    prefix?: { addr: string; len: number }
    elem?: { val: unknown }
  }
  if (object.concat) return concatText(object.concat)
  if (object.prefix) return `${canonical(object.prefix.addr)}/${object.prefix.len}`
  if (object.elem) return elementText(object.elem.val)
  return JSON.stringify(json)
}

/** A mark, a verdict, or an address and a port. */
function valueText(json: unknown): string {
  if (typeof json === 'number') return markText(json)
  const { goto } = json as { goto?: { target: string } }
  return goto ? `goto ${goto.target}` : elementText(json)
}

const PROTOCOLS: Readonly<Record<string, string>> = { '6': 'tcp', '17': 'udp', '132': 'sctp' }

/** Of three parts the middle one is the protocol, which nft lists by name or by number. */
function concatText(parts: readonly unknown[]): string {
  const texts = parts.map(elementText)
  const protocol = texts.length >= 3 ? texts[1] : undefined
  if (protocol !== undefined) texts[1] = PROTOCOLS[protocol] ?? protocol
  return texts.join(' . ')
}

function canonical(text: string): string {
  return text.includes(':') ? formatAddress(parseAddress(text)) : text
}
