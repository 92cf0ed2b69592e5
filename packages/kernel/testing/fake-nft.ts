/** nftables in memory, as strict as the real one about what is there: transactions, chains, sets and their elements; rules are texts. */
import type { BaseChain } from '@podroute/linux/nft/chains.ts'
import type { ElementChange, NftApi, StructureChange } from '../nft/api.ts'
import { changesScript, structureScript } from '../nft/change-scripts.ts'
import { tableAt } from '../nft/definition.ts'
import { FakeError } from './fake-error.ts'
import { type FakeSet, isElementOf, overlapsAnother, parseSet } from './fake-set.ts'

interface FakeChain {
  /** What it is hooked to; undefined: only rules lead there. */
  readonly hook: string | undefined
  readonly rules: string[]
}

export interface FakeTable {
  readonly chains: Map<string, FakeChain>
  readonly sets: Map<string, FakeSet>
}

export type FakeNftOptions = {
  /** Called with each element that a script adds or deletes: `add service-vips-4 10.96.0.1`. */
  onElement?(message: string): void
  /** Called at each listing. */
  onList?(): void
  /** Called after each transaction that changed more than elements, with the tables that it changed. */
  onTransaction?(tables: ReadonlySet<string>): void
}

const HOOK = /^type (\w+) hook (\w+) .*policy (\w+);$/
const COMMENT = /comment "([^"]*)"/
const COMMAND = /^(\w+) (\w+) (\S+ \S+) ?(\S*) ?(.*)$/

export class FakeNft implements NftApi {
  /** By `inet NAME`; tests change them by hand, too. */
  readonly tables = new Map<string, FakeTable>()
  readonly scripts: string[] = []
  readonly #options: FakeNftOptions
  #transactions = 0
  /** When the generation was asked for last; undefined after a transaction, which is counted. */
  #lastState: string | undefined = '[]'
  /** How to take back what the script under way has done. */
  #undo: (() => void)[] = []
  #changed = new Set<string>()

  constructor(options: FakeNftOptions = {}) {
    this.#options = options
  }

  async run(script: string): Promise<void> {
    this.scripts.push(script)
    this.#undo = []
    this.#changed = new Set()
    try {
      for (const line of script.split('\n')) if (line !== '') this.#command(line)
    } catch (error) {
      for (const undo of this.#undo.toReversed()) undo()
      throw error
    }
    this.#transactions++
    this.#lastState = undefined
    if (this.#changed.size > 0) this.#options.onTransaction?.(this.#changed)
  }

  /** Ends nothing by itself. */
  writeElements(table: string, changes: readonly ElementChange[]): Promise<void> {
    const withoutTimeouts = changes.map(({ kind, set, elements }) => ({ kind, set, elements }))
    return this.run(changesScript(table, withoutTimeouts))
  }

  writeStructure(table: string, changes: readonly StructureChange[]): Promise<void> {
    return this.run(structureScript(table, changes))
  }

  async elements(table: string, set: string): Promise<readonly string[]> {
    this.#options.onList?.()
    return [...this.#set(tableAt(table), set).elements]
  }

  /** Counts nothing. */
  async counts(table: string, set: string) {
    return (await this.elements(table, set)).map((element) => ({ element, packets: 0 }))
  }

  async listJson(command: string): Promise<readonly unknown[]> {
    this.#options.onList?.()
    const [, what, family, name, chain] = command.split(' ')
    if (what === 'tables')
      return [...this.tables.keys()].map((key) => ({ table: { name: key.split(' ')[1] } }))
    if (what === 'chains')
      return [...this.tables].flatMap(([key, { chains }]) =>
        [...chains.keys()].map((chainName) => ({ chain: { name: chainName, table: key.split(' ')[1] } })),
      )
    const { rules } = this.#chain(`${family} ${name}`, chain ?? '')
    return [{ chain: { name: chain } }, ...rules.map((rule) => ({ rule }))]
  }

  async show(command: string): Promise<string> {
    this.#options.onList?.()
    const [, , family, name] = command.split(' ')
    return showTable(`${family} ${name}`, this.#table(`${family} ${name}`))
  }

  async baseChains(): Promise<readonly BaseChain[]> {
    this.#options.onList?.()
    return [...this.tables].flatMap(([key, { chains }]) => {
      const [family = '', table = ''] = key.split(' ')
      return [...chains].flatMap(([name, { hook }]) => {
        const [, type, at, policy] = HOOK.exec(hook ?? '') ?? []
        return type ? [{ family, table, name, type, hook: at, policy } as BaseChain] : []
      })
    })
  }

  async commentedRules({ family, table, name }: Pick<BaseChain, 'family' | 'table' | 'name'>) {
    this.#options.onList?.()
    const rules = this.tables.get(`${family} ${table}`)?.chains.get(name)?.rules ?? []
    return rules.flatMap((rule, index) => {
      const comment = COMMENT.exec(rule)?.[1]
      return comment === undefined ? [] : [{ handle: BigInt(index + 1), comment }]
    })
  }

  /** Also what a test changes by hand is a transaction. */
  async generation(): Promise<number> {
    const state = JSON.stringify(
      [...this.tables].map(([name, { chains, sets }]) => [
        name,
        [...chains],
        [...sets].map(([set, { elements }]) => [set, ...elements]),
      ]),
    )
    if (this.#lastState !== undefined && state !== this.#lastState) this.#transactions++
    this.#lastState = state
    return this.#transactions
  }

  #command(line: string): void {
    const [, verb, what, table, name, rest] = COMMAND.exec(line) ?? []
    const act = `${verb} ${what}`
    if (act === 'add table') this.#addTable(table!)
    else if (act === 'delete table') this.#forget(this.tables, table!, table!)
    else if (act === 'add chain') this.#addChain(table!, name!, rest!)
    else if (act === 'flush chain') this.#flush(table!, name!)
    else if (act === 'delete chain') this.#deleteChain(table!, name!)
    else if (act === 'add rule') this.#insert(table!, name!, rest!, 'push')
    else if (act === 'insert rule') this.#insert(table!, name!, rest!, 'unshift')
    else if (act === 'delete rule') this.#deleteRule(table!, name!, rest!)
    else if (act === 'add set' || act === 'add map') this.#addSet(table!, name!, rest!)
    else if (act === 'delete set' || act === 'delete map') this.#deleteSet(table!, name!)
    else if (act === 'flush set' || act === 'flush map') this.#flushSet(table!, name!)
    else if (what === 'element') this.#elements(verb!, table!, name!, rest!.slice(2, -2).split(', '))
    else throw new FakeError('NFT', `no such command: ${line}`)
  }

  #addTable(table: string): void {
    if (this.tables.has(table)) return
    this.#put(this.tables, table, { chains: new Map(), sets: new Map() }, table)
  }

  #addChain(table: string, name: string, declaration: string): void {
    const { chains } = this.#table(table)
    const hook = declaration === '' ? undefined : declaration.slice(2, -2)
    const there = chains.get(name)
    if (there && hook !== undefined && there.hook !== hook) throw new FakeError('EEXIST')
    if (!there) this.#put(chains, name, { hook, rules: [] }, table)
  }

  #deleteChain(table: string, name: string): void {
    const { chains, sets } = this.#table(table)
    const goto = ` : goto ${name}`
    const used = [...sets.values()].some(({ elements }) => [...elements].some((text) => text.endsWith(goto)))
    if (this.#chain(table, name).rules.length > 0 || used) throw new FakeError('EBUSY')
    this.#forget(chains, name, table)
  }

  #flush(table: string, name: string): void {
    const { rules } = this.#chain(table, name)
    if (rules.length === 0) return
    const before = rules.splice(0)
    this.#did(table, () => rules.splice(0, rules.length, ...before))
  }

  #insert(table: string, name: string, rule: string, where: 'push' | 'unshift'): void {
    const { rules } = this.#chain(table, name)
    for (const [, set] of rule.matchAll(/@(?!th,)(\S+)/g)) this.#set(table, set!)
    const before = [...rules]
    rules[where](rule)
    this.#did(table, () => rules.splice(0, rules.length, ...before))
  }

  /** A rule's handle is its place. */
  #deleteRule(table: string, name: string, handle: string): void {
    const { rules } = this.#chain(table, name)
    const before = [...rules]
    const [gone] = rules.splice(Number(handle.replace('handle ', '')) - 1, 1)
    if (gone === undefined) throw new FakeError('ENOENT')
    this.#did(table, () => rules.splice(0, rules.length, ...before))
  }

  #addSet(table: string, name: string, declaration: string): void {
    const { sets } = this.#table(table)
    const set = parseSet(declaration)
    const there = sets.get(name)
    if (there && there.lines.join() !== set.lines.join()) throw new FakeError('EEXIST')
    if (!there) this.#put(sets, name, set, table)
  }

  #deleteSet(table: string, name: string): void {
    const { chains, sets } = this.#table(table)
    const rules = [...chains.values()].flatMap((chain) => chain.rules)
    if (rules.some((rule) => rule.split(' ').includes(`@${name}`))) throw new FakeError('EBUSY')
    this.#forget(sets, name, table)
  }

  #flushSet(table: string, name: string): void {
    const { elements } = this.#set(table, name)
    const before = [...elements]
    elements.clear()
    this.#undo.push(() => {
      for (const element of before) elements.add(element)
    })
  }

  #elements(verb: string, table: string, name: string, elements: readonly string[]): void {
    const set = this.#set(table, name)
    const there = set.elements
    for (const element of elements) {
      this.#options.onElement?.(`${verb} ${name} ${element}`)
      if (!isElementOf(set, element)) throw new FakeError('NFT', `not an element of ${name}: ${element}`)
      const known = there.has(element)
      if (verb === 'add') {
        const [key, value = ''] = element.split(' : ')
        if (value.startsWith('goto ')) this.#chain(table, value.slice(5))
        const other =
          key !== element && [...there].some((text) => text !== element && text.startsWith(`${key} : `))
        if (other) throw new FakeError('EEXIST')
        if (overlapsAnother(set, element)) throw new FakeError('NFT', 'conflicting intervals specified')
        there.add(element)
        if (!known) this.#undo.push(() => there.delete(element))
      } else {
        if (!known) throw new FakeError('ENOENT')
        there.delete(element)
        this.#undo.push(() => there.add(element))
      }
    }
  }

  #table(name: string): FakeTable {
    return found(this.tables, name)
  }

  #chain(table: string, name: string): FakeChain {
    return found(this.#table(table).chains, name)
  }

  #set(table: string, name: string): FakeSet {
    return found(this.#table(table).sets, name)
  }

  #put<V>(map: Map<string, V>, key: string, value: V, table: string): void {
    map.set(key, value)
    this.#did(table, () => map.delete(key))
  }

  #forget<V>(map: Map<string, V>, key: string, table: string): void {
    const value = found(map, key)
    map.delete(key)
    this.#did(table, () => map.set(key, value))
  }

  #did(table: string, undo: () => void): void {
    this.#changed.add(table)
    this.#undo.push(undo)
  }
}

/** @throws FakeError ENOENT */
function found<V>(map: ReadonlyMap<string, V>, key: string): V {
  const value = map.get(key)
  if (value === undefined) throw new FakeError('ENOENT')
  return value
}

function showTable(name: string, { chains, sets }: FakeTable): string {
  const block = (kind: string, title: string, lines: readonly string[]) =>
    `\t${kind} ${title} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`
  return [
    `table ${name} {\n`,
    ...[...sets].map(([title, { kind, lines }]) => block(kind, title, lines)),
    ...[...chains].map(([title, { hook, rules }]) =>
      block('chain', title, hook === undefined ? rules : [hook, ...rules]),
    ),
    '}\n',
  ].join('')
}
