/**
 * The constant part of a feature's nftables table as a Resource of one key. Its value is the hash of the script that it came from. Beside
 * the chains lies an empty one whose name holds that hash and the fingerprint of what the kernel made of the script: so a restarted
 * agent sees without a write whether the rules are what it would load, and an audit sees any rule that somebody changed or removed.
 */
import { createHash } from 'node:crypto'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { applyEach } from '@podroute/reconcile/resource.ts'
import { type NftApi, type NftRevision, nftRevision } from './api.ts'
import { changesScript } from './change-scripts.ts'
import { type NftTable, tableAt, tableScript } from './definition.ts'
import { NftTableError } from './errors.ts'
import { listTable, type TableListing } from './listing.ts'
import { type ChangedSet, changedSets, typeLines } from './set-types.ts'

/** What is used of nftables. */
export type NftTables = Pick<NftApi, 'run' | 'show' | 'elements' | 'foreignRevision'> & NftRevision

/** The one key of the resource. */
export const TABLE = 'table'
const MARKER = 'podroute-fingerprint-'
/** How often rules are loaded until nobody else changes anything meanwhile. */
const ATTEMPTS = 5
/** Transactions are counted in 32 bits. */
const LAST_GENERATION = 0xffff_ffff

export interface NftTableOptions {
  /** Of the resource. */
  readonly name?: string
  /** Which chains, sets and maps come and go with single objects: they are somebody else's to keep. */
  isForOneObject?(name: string): boolean
  /** Sets were made, for the first time, or because somebody removed them or their type was another one: elements may be gone. */
  made?(sets: ReadonlySet<string>): void
}

export class NftTableResource implements Resource<typeof TABLE, NftTable> {
  readonly name: string
  readonly #nft: NftTables
  readonly #table: string
  readonly #at: string
  readonly #options: NftTableOptions
  /** Of definitions, which are the same objects for long. */
  readonly #versions = new WeakMap<NftTable, string>()

  /** @param table its name; the definition, which may change while the agent runs, is the value of its key */
  constructor(nft: NftTables, table: string, options: NftTableOptions = {}) {
    this.name = options.name ?? 'rules'
    this.#options = options
    this.#nft = nft
    this.#table = table
    this.#at = tableAt(table)
  }

  equal(a: NftTable, b: NftTable): boolean {
    return this.#version(a) === this.#version(b)
  }

  async *list(): AsyncIterable<Iterable<readonly [typeof TABLE, NftTable]>> {
    const listing = await this.#list()
    if (listing.chains.size + listing.sets.size > 0) yield [[TABLE, this.#observed(listing)]]
  }

  revision(): Promise<string | undefined> {
    return nftRevision(this.#nft)
  }

  apply(ops: readonly Op<typeof TABLE, NftTable>[]): Promise<readonly Outcome[]> {
    return applyEach(ops, (op) => (op.kind === 'remove' ? this.#remove() : this.#load(op.value)))
  }

  /** Where it gives up, the rules are in place without a fingerprint, so that they are loaded again. */
  async #load(table: NftTable): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) if (await this.#loadAlone(table)) return
    throw new NftTableError(
      'changed-meanwhile',
      `other programs changed nftables each time that table ${this.#at} was loaded: it is loaded again later`,
    )
  }

  /** Returns false where somebody changed anything between the two listings: what he did to the table must not be taken for ours. */
  async #loadAlone(table: NftTable): Promise<boolean> {
    const isAlone = await this.#others()
    const before = await this.#list()
    await this.#run(table, before)
    const after = await this.#list()
    if (!(await isAlone())) return false
    const marker = `${MARKER}${this.#version(table)}-${this.#fingerprint(after)}`
    const commands = [
      ...markersIn(after).map((name) => `delete chain ${this.#at} ${name}`),
      `add chain ${this.#at} ${marker}`,
    ]
    await this.#nft.run(`${commands.join('\n')}\n`)
    return true
  }

  /**
   * Says later whether nobody else has changed anything since. Features load their tables and fill their sets at the same time: where
   * others' changes can be told from ours, those do not count.
   */
  async #others(): Promise<() => Promise<boolean>> {
    const { foreignRevision } = this.#nft
    if (foreignRevision) {
      const before = await foreignRevision()
      return async () => before !== undefined && (await foreignRevision()) === before
    }
    const generation = await this.#nft.generation()
    const next = generation === LAST_GENERATION ? 1 : generation + 1
    return async () => (await this.#nft.generation()) === next
  }

  async #run(table: NftTable, before: TableListing): Promise<void> {
    const changed = changedSets(before, table)
    const sets = this.#setRemoval(changed, before)
    const load = tableScript(table) + (await this.#keptElements(changed))
    // What a chain is hooked to cannot be changed: where somebody has put another one under its name, all are made anew.
    await this.#nft
      .run(sets + load + this.#staleChains(before, table))
      .catch(() => this.#nft.run(sets + this.#removal(before) + load))
    const made = Object.keys(table.sets).filter((name) => !before.sets.has(name))
    made.push(...changed.map(({ name }) => name))
    if (made.length > 0) this.#options.made?.(new Set(made))
  }

  /** No rule may name a set that goes, not one of a single object either: whoever keeps that finds it changed. */
  #setRemoval(changed: readonly ChangedSet[], { chains }: TableListing): string {
    const names = (rule: string) => changed.some(({ name }) => rule.split(' ').includes(`@${name}`))
    const users = [...chains].filter(([, rules]) => rules.some(names))
    const commands = [
      ...users.map(([name]) => `flush chain ${this.#at} ${name}`),
      ...changed.flatMap(({ name, kind }) =>
        ['flush', 'delete'].map((verb) => `${verb} ${kind} ${this.#at} ${name}`),
      ),
    ]
    return commands.map((command) => `${command}\n`).join('')
  }

  async #keptElements(changed: readonly ChangedSet[]): Promise<string> {
    let script = ''
    for (const { name: set, keeps } of changed) {
      const elements = keeps ? await this.#nft.elements(this.#table, set, keeps) : []
      script += changesScript(this.#table, [{ kind: 'add', set, elements }])
    }
    return script
  }

  /** Chains that another version had. What sets it had besides does no harm until the table goes. */
  #staleChains(listing: TableListing, { chains }: NftTable): string {
    return this.#removal(listing, (name) => !(name in chains))
  }

  /** Flushed first, all of them: a rule of one may lead to another. */
  #removal(listing: TableListing, which: (chain: string) => boolean = () => true): string {
    const names = this.#constantChains(listing).flatMap(([name]) => (which(name) ? [name] : []))
    const commands = (verb: string) => names.map((name) => `${verb} chain ${this.#at} ${name}\n`)
    return [...commands('flush'), ...commands('delete')].join('')
  }

  async #remove(): Promise<void> {
    await this.#nft.run(`add table ${this.#at}\ndelete table ${this.#at}\n`)
  }

  #list(): Promise<TableListing> {
    return listTable(this.#nft, this.#table)
  }

  /** A value that is equal to the definition that was loaded, where nothing has changed since; else to none. */
  #observed(listing: TableListing): NftTable {
    const fingerprint = this.#fingerprint(listing)
    const [marker] = markersIn(listing)
    const [version = '', loaded] = marker?.slice(MARKER.length).split('-') ?? []
    const observed: NftTable = { name: this.#table, sets: {}, chains: {} }
    this.#versions.set(observed, loaded === fingerprint ? version : `changed ${fingerprint}`)
    return observed
  }

  /** Hash of the chains and rules, and of the types of sets, as the kernel lists them. */
  #fingerprint(listing: TableListing): string {
    const sets = [...listing.sets]
      .filter(([name]) => !this.#isForOneObject(name))
      .map(([name, lines]) => [name, typeLines(lines)] as const)
    return hash(JSON.stringify([...this.#constantChains(listing), ...sets].toSorted(byName)))
  }

  #constantChains({ chains }: TableListing): (readonly [name: string, lines: readonly string[]])[] {
    return [...chains].filter(([name]) => !name.startsWith(MARKER) && !this.#isForOneObject(name))
  }

  #isForOneObject(name: string): boolean {
    return this.#options.isForOneObject?.(name) ?? false
  }

  #version(table: NftTable): string {
    const known = this.#versions.get(table)
    if (known !== undefined) return known
    const version = hash(tableScript(table))
    this.#versions.set(table, version)
    return version
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

function markersIn({ chains }: TableListing): string[] {
  return [...chains.keys()].filter((name) => name.startsWith(MARKER))
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
