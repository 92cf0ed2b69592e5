/** A page of the admin socket: what a feature knows, as JSON for programs and as text tables for people. */

/** Columns and rows of plain text; an empty cell is shown as a dash. */
export interface TextTable {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Shown in place of a table without rows. */
  readonly empty: string
}

/** What a page is asked with. argument: by its place; option: `--NAME VALUE`; file: the text of `--NAME FILE`. */
export interface PageArgument {
  readonly name: string
  readonly kind: 'argument' | 'option' | 'file'
  /** What an option's value is, in a word for its help: `--from <who>`. */
  readonly takes?: string
  readonly summary: string
  readonly required?: boolean
}

/** By the names of the page's arguments. */
export type PageQuery = Readonly<Record<string, string>>

/** The command `podroute NAME` and the path `/NAME` of the socket. */
export interface Page<Data = unknown> {
  readonly name: string
  /** One line for `podroute --help`. */
  readonly summary: string
  readonly arguments?: readonly PageArgument[]
  /** `--follow`: the first table is shown on and on, each time asked with `after` as this says; empty: as before. */
  follows?(data: Data): string
  /** What has to be asked elsewhere first: the query, with what was found. Absent: nothing. */
  look?(query: PageQuery): Promise<PageQuery>
  /** @throws Error that says what is wrong with the query */
  data(query?: PageQuery): Data
  /** How people see it, one table below the other. */
  tables(data: Data): readonly TextTable[]
}

/** What the socket answers to `/NAME/tables`: the same page for people. */
export interface PageText {
  readonly tables: readonly TextTable[]
  /** What to ask with `after` for what comes next. */
  readonly next?: string
}

/** Where a packet goes that `podroute explain` is asked of. */
export interface HopsTo {
  /** Canonical text. */
  readonly address: string
  /** Undefined: any. */
  readonly port: number | undefined
  /** Who sends it, canonical text; absent: the node itself. */
  readonly from?: string
}

/** A step of its way. */
export interface Hop {
  /** `virtual server`, `route`. */
  readonly step: string
  readonly detail: string
  /** Why it goes no further, and what to do; '': it does. */
  readonly problem: string
  /** Where it may go from here; absent: this is no fork. */
  readonly next?: readonly HopsTo[]
  /** In which it goes on from a fork: `tcp`. */
  readonly protocol?: string
}

/** Whether a connection may begin: `to`, `port` and `from` as they were asked for. */
export interface Verdict {
  readonly allowed: boolean
  /** Of each direction. */
  readonly decisions: readonly {
    readonly direction: string
    readonly node: string
    readonly allowed: boolean
    readonly reason: string
  }[]
}

/** A line of `podroute status`. */
export type SummaryLine = readonly [name: string, value: string]
