/**
 * The constant part of a feature's nftables table as a Resource of one key. Its value is the hash of the script that it came from. Beside
 * the chains lies an empty one whose name holds that hash and the fingerprint of what the kernel made of the script: so a restarted
 * agent sees without a write whether the rules are what it would load, and an audit sees any rule that somebody changed or removed.
 */
import { createHash } from 'node:crypto'
import type { Op, Outcome, Resource } from '@podroute/reconcile/resource.ts'
import { DONE, outcomeOf } from '@podroute/reconcile/resource.ts'
import { type NftApi, nftRevision } from './api.ts'
import { type NftTable, tableAt, tableScript } from './definition.ts'
import { listTable, type TableListing } from './listing.ts'

/** What is used of nftables. */
export type NftTables = Pick<NftApi, 'run' | 'show' | 'generation'>

/** The one key of the resource. */
export const TABLE = 'table'
const MARKER = 'podroute-fingerprint-'

export interface TableOptions {
  /** Of the resource. */
  readonly name?: string
  /** There was no such table before: what was in its sets is gone with it. */
  readonly made?: () => void
}

export class NftTableResource implements Resource<typeof TABLE, NftTable> {
  readonly name: string
  readonly #nft: NftTables
  readonly #table: string
  readonly #at: string
  readonly #made: () => void
  readonly #isForOneObject: (name: string) => boolean
  /** Of definitions, which are the same objects for long. */
  readonly #versions = new WeakMap<NftTable, string>()

  /**
   * @param table its name; the definition, which may change while the agent runs, is the value of its key
   * @param isForOneObject says which chains, sets and maps come and go with single objects: they are somebody else's to keep
   */
  constructor(
    nft: NftTables,
    table: string,
    isForOneObject: (name: string) => boolean = () => false,
    { name = 'rules', made = () => {} }: TableOptions = {},
  ) {
    this.name = name
    this.#made = made
    this.#nft = nft
    this.#table = table
    this.#at = tableAt(table)
    this.#isForOneObject = isForOneObject
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

  async apply(ops: readonly Op<typeof TABLE, NftTable>[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const op of ops) {
      const work = op.kind === 'remove' ? this.#remove() : this.#load(op.value)
      outcomes.push(await work.then(() => DONE, outcomeOf))
    }
    return outcomes
  }

  async #load(table: NftTable): Promise<void> {
    const before = await this.#list()
    const script = tableScript(table) + this.#staleChains(before, table)
    // What a chain is hooked to cannot be changed: where somebody has put another one under its name, all are made anew.
    await this.#nft.run(script).catch(() => this.#nft.run(this.#removal(before) + tableScript(table)))
    if (before.sets.size === 0) this.#made()
    const listing = await this.#list()
    const marker = `${MARKER}${this.#version(table)}-${this.#fingerprint(listing)}`
    const old = markersIn(before).filter((name) => name !== marker)
    const commands = [
      ...old.map((name) => `delete chain ${this.#at} ${name}`),
      `add chain ${this.#at} ${marker}`,
    ]
    await this.#nft.run(`${commands.join('\n')}\n`)
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
      .map(([name, lines]) => [name, lines.filter((line) => /^type(of)? /.test(line))] as const)
    return hash(JSON.stringify([...this.#constantChains(listing), ...sets].toSorted(byName)))
  }

  #constantChains({ chains }: TableListing): (readonly [name: string, lines: readonly string[]])[] {
    return [...chains].filter(([name]) => !name.startsWith(MARKER) && !this.#isForOneObject(name))
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
