/** What a command of the command line is, and what it answers. */
import type { PageArgument, PageQuery } from '@podroute/feature/page.ts'
import type { Style } from './style.ts'

export type Format = 'text' | 'json' | 'yaml'

export const FORMATS: readonly Format[] = ['text', 'json', 'yaml']

/** An argument of a page, a flag without a value, which is `true` in the query, or an option with a default. */
export type CommandArgument =
  | (PageArgument & { readonly default?: string | undefined })
  | { readonly name: string; readonly kind: 'flag'; readonly summary: string }

/** What a command is asked. */
export interface Asked {
  /** The agent's. */
  readonly socket: string
  /** By the names of the arguments. */
  readonly query: PageQuery
  readonly format: Format
  readonly style: Style
  /** The command is to end: what was made for it goes. Whoever reads it is not ended by Ctrl-C otherwise. */
  readonly signal: AbortSignal
  /** Where what comes before the report is said: standard error. */
  say(line: string): void
  /** For what comes in parts, before a report that is silent: standard output. */
  write(text: string): void
}

/** One answer, made for programs or for people when asked: only one of the two is. */
export interface Report {
  /** JSON and YAML. */
  data(): unknown
  text(style: Style): string | Promise<string>
  /** It has been said already. */
  readonly silent?: true
  /** Exit status. Absent: 0. */
  readonly exitCode?: number
}

export interface ReportCommand {
  readonly name: string
  /** One line for `podroute --help`. */
  readonly summary: string
  /** Shown below the command's own help: examples, exit status. */
  readonly help?: string
  readonly arguments?: readonly CommandArgument[]
  /** `--watch` makes no sense: it changes something, or takes long. */
  readonly once?: boolean
  /** `--follow`: shows what comes, until it is ended. Absent: nothing comes. */
  follow?(asked: Asked, write: (text: string) => void): Promise<void>
  report(asked: Asked): Promise<Report>
}
