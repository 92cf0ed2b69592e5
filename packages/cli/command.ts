/** What every command is made of: something that the agent is asked, and how people see it. */
import { readFileSync } from 'node:fs'
import type { PageArgument, PageQuery } from '@podroute/feature/page.ts'
import { Command } from 'commander'
import { DEFAULT_SOCKET } from './client.ts'
import { CliError } from './errors.ts'

export interface ReportCommand {
  readonly name: string
  readonly summary: string
  readonly arguments?: readonly PageArgument[]
  /** Shows what comes, until it is ended. Absent: nothing comes. */
  follow?(socket: string, query: PageQuery, write: (text: string) => void): Promise<void>
  /** The answer for programs. */
  ask(socket: string, query: PageQuery): Promise<unknown>
  /** The answer for people. */
  show(socket: string, query: PageQuery): Promise<string>
}

export const SOCKET = process.env.PODROUTE_SOCKET ?? DEFAULT_SOCKET

export function reportCommand(definition: ReportCommand, write: (text: string) => void): Command {
  const command = new Command(definition.name).description(definition.summary)
  const places = (definition.arguments ?? []).filter(({ kind }) => kind === 'argument')
  for (const { name, summary, required } of places)
    command.argument(required ? `<${name}>` : `[${name}]`, summary)
  for (const { name, kind, summary, required } of definition.arguments ?? []) {
    if (kind === 'argument') continue
    const flags = `--${name} <${kind === 'file' ? 'file' : 'value'}>`
    if (required) command.requiredOption(flags, summary)
    else command.option(flags, summary)
  }
  if (definition.follow) command.option('--follow', 'go on with what comes, until it is ended')
  return command
    .option('--json', 'print what the agent answered, as JSON')
    .option('--socket <path>', 'socket of the agent', SOCKET)
    .action(async (...given: unknown[]) => {
      const options = given[places.length] as { json?: boolean; follow?: boolean; socket: string } & Record<
        string,
        unknown
      >
      const values = places.map(({ name }, i) => [name, given[i]] as const)
      const query = queryOf(definition.arguments ?? [], { ...options, ...Object.fromEntries(values) })
      const { json, socket, follow } = options
      if (follow && definition.follow) return definition.follow(socket, query, write)
      const text = json
        ? JSON.stringify(await definition.ask(socket, query), null, 2)
        : await definition.show(socket, query)
      write(`${text}\n`)
    })
}

/** @throws CliError for a file that cannot be read */
function queryOf(known: readonly PageArgument[], given: Readonly<Record<string, unknown>>): PageQuery {
  const entries = known.flatMap(({ name, kind }) => {
    const value = given[name]
    if (typeof value !== 'string') return []
    return [[name, kind === 'file' ? readText(value) : value] as const]
  })
  return Object.fromEntries(entries)
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (cause) {
    throw new CliError('answer', (cause as Error).message, { cause })
  }
}
