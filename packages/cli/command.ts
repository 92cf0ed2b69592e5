/** A command with its arguments and the options that all have: output format, watching, the agent's socket. */
import { readFileSync } from 'node:fs'
import type { PageQuery } from '@podroute/feature/page.ts'
import { Command, InvalidArgumentError, Option } from 'commander'
import { DEFAULT_SOCKET } from './client.ts'
import { CliError } from './errors.ts'
import { type Output, rendered, watch } from './output.ts'
import { type Asked, type CommandArgument, FORMATS, type Format, type ReportCommand } from './report.ts'

/** Where reports go, what ends a command, and what hears its exit status. */
export interface Surroundings extends Output {
  /** Aborts when the command is to end. Read by those alone that end by themselves then. */
  readonly signal: AbortSignal
  exit(status: number): void
}

export const SOCKET = process.env.PODROUTE_SOCKET ?? DEFAULT_SOCKET

/** Seconds between two reports of `--watch`. */
const WATCH_SECONDS = 2

interface Options {
  readonly output: Format
  readonly json?: boolean
  readonly watch?: number | true
  readonly follow?: boolean
  readonly socket: string
}

export function reportCommand(definition: ReportCommand, surroundings: Surroundings): Command {
  const known = definition.arguments ?? []
  const command = new Command(definition.name).description(definition.summary)
  for (const argument of known) addArgument(command, argument)
  if (definition.follow) command.option('--follow', 'go on with what comes, until it is ended')
  if (!definition.once)
    command.option('--watch [seconds]', `show it anew every ${WATCH_SECONDS} seconds`, secondsOf)
  if (definition.help) command.addHelpText('after', `\n${definition.help.trimStart()}`)
  const places = known.filter(({ kind }) => kind === 'argument')
  return addOutputOptions(command).action(async (...given: unknown[]) => {
    const options = {
      ...(given[places.length] as Options & Record<string, unknown>),
      ...givenBefore(command),
    }
    const values = Object.fromEntries(places.map(({ name }, i) => [name, given[i]]))
    const asked: Asked = {
      ...{ socket: options.socket, format: formatOf(options) },
      query: queryOf(known, { ...options, ...values }),
      ...{ style: surroundings.style, say: (line) => surroundings.say(line) },
      write: (text) => surroundings.write(text),
      // Whoever reads it ends by itself when it aborts.
      get signal() {
        return surroundings.signal
      },
    }
    await answer(definition, asked, options, surroundings)
  })
}

/** Options of every command that stand in front of it: `podroute -o json status`. Behind it they count more. */
function givenBefore(command: Command): Partial<Options> {
  const names = ['output', 'json', 'socket'].filter(
    (name) =>
      command.parent?.getOptionValueSource(name) === 'cli' && command.getOptionValueSource(name) !== 'cli',
  )
  return Object.fromEntries(names.map((name) => [name, command.parent!.getOptionValue(name)]))
}

/** Those of every command, and of a page that is asked by name. */
export function addOutputOptions(command: Command): Command {
  return addFormatOptions(command).option('--socket <path>', 'socket of the agent', SOCKET)
}

export function addFormatOptions(command: Command): Command {
  return command
    .addOption(
      new Option('-o, --output <format>', 'text for people, JSON or YAML for programs')
        .choices(FORMATS)
        .default('text'),
    )
    .option('--json', 'the same as -o json')
}

export function formatOf({ output, json }: { output: Format; json?: boolean }): Format {
  return json ? 'json' : output
}

async function answer(
  definition: ReportCommand,
  asked: Asked,
  options: Options,
  surroundings: Surroundings,
): Promise<void> {
  const { write } = surroundings
  if (options.follow && definition.follow) return definition.follow(asked, write)
  const seconds = options.watch === true ? WATCH_SECONDS : options.watch
  if (seconds !== undefined) return watch(() => definition.report(asked), asked, seconds, surroundings)
  const report = await definition.report(asked)
  if (!report.silent) write(await rendered(report, asked.format, asked.style))
  surroundings.exit(report.exitCode ?? 0)
}

function addArgument(command: Command, argument: CommandArgument): void {
  const { name, kind, summary } = argument
  if (kind === 'flag') return void command.option(`--${name}`, summary)
  const { required, default: value } = argument
  if (kind === 'argument') return void command.argument(required ? `<${name}>` : `[${name}]`, summary)
  // Agents before 0.2 do not say what their options take.
  const flags = `--${name} <${argument.takes ?? (kind === 'file' ? 'file' : 'value')}>`
  if (required) command.requiredOption(flags, summary)
  else command.option(flags, summary, value)
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 86_400) return seconds
  throw new InvalidArgumentError('It is a number of seconds, more than 0 and not more than a day.')
}

/** @throws CliError for a file that cannot be read */
function queryOf(known: readonly CommandArgument[], given: Readonly<Record<string, unknown>>): PageQuery {
  const entries = known.flatMap(({ name, kind }) => {
    const value = given[name] ?? given[camelCase(name)]
    if (value === true) return [[name, 'true'] as const]
    if (typeof value !== 'string') return []
    return [[name, kind === 'file' ? readText(value) : value] as const]
  })
  return Object.fromEntries(entries)
}

/** As commander names the value of `--dry-run`. */
function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (cause) {
    throw new CliError('answer', (cause as Error).message, { cause })
  }
}
