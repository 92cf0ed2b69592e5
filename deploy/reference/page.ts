/** The tables of docs/configuration.md. Pure. */
import { flat, type Option } from './options.ts'

const BEGIN = '<!-- Made by `node deploy/chart.ts` of the schemas in the code: change them there. -->\n'
const END = '<!-- End of what is made. -->\n'

/** The page with its tables made anew. @throws Error where it has no place for them */
export function withTables(page: string, options: readonly Option[]): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error('docs/configuration.md has no place for the tables')
  return `${page.slice(0, from + BEGIN.length)}\n${tables(options)}\n${page.slice(to)}`
}

/** A section for each key of the top that has options inside, and one for all others. */
function tables(options: readonly Option[]): string {
  const alone = options.filter(({ inside }) => inside.length === 0)
  const others = options.filter(({ inside }) => inside.length > 0)
  return [
    section('The whole cluster, and the agent', '', alone),
    ...others.map((option) =>
      section(
        `\`${option.name}\``,
        `${option.description} ${defaultOf(option)}\n\n`,
        flat(option.inside),
        option.path,
      ),
    ),
  ].join('\n')
}

function defaultOf({ kind, fallback }: Option): string {
  return kind === 'object' ? '' : `A list; by default \`${JSON.stringify(fallback)}\`.`
}

function section(title: string, text: string, options: readonly Option[], under = ''): string {
  const rows = options.map((option) => [
    `\`${shortened(option.path, under)}\``,
    cell(option.type),
    option.needed ? 'must be given' : fallbackText(option),
    cell(option.description ?? ''),
  ])
  return `## ${title}\n\n${text.replace(/ +\n/, '\n')}${table([['Option', 'Values', 'Default', 'What it does'], ...rows])}`
}

/** Entries of a list are read beside their list: `[].address`. */
function shortened(path: string, under: string): string {
  return path.startsWith(`${under}[]`) ? path.slice(under.length + 3) : path
}

function fallbackText({ fallback, kind }: Option): string {
  return fallback === undefined || kind === 'object' ? '' : `\`${cell(valueText(fallback))}\``
}

/** As one writes it in YAML, on one line. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`
  const text = String(value)
  return typeof value === 'string' && /^[:*&!%@`{[]|: |^$/.test(text) ? JSON.stringify(text) : text
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\{\}/g, '`{}`')
}

function table([head, ...rows]: readonly (readonly string[])[]): string {
  const widths = head!.map((_, i) => Math.max(...[head!, ...rows].map((row) => row[i]!.length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, i) => text.padEnd(widths[i]!)).join(' | ')} |\n`
  return `${line(head!)}${line(widths.map((width) => '-'.repeat(width)))}${rows.map(line).join('')}`
}
