/** The reference configuration: every option with what it does, as it is by default. Pure. */
import type { Option } from './options.ts'
import { valueText } from './page.ts'

const HEAD = `# podroute: every option of the configuration, with its default. Made by \`node deploy/chart.ts\`; docs/configuration.md says the same in tables.
# An empty file means the same as this one: write what differs. Each option is live, but where its text says otherwise.
# What stands behind \`#=\` is absent by default, or a form to be filled in: an entry of a list, or what may stand in place of a word.
`
const ABSENT = '#= '
const WIDTH = 116

export function referenceFile(options: readonly Option[]): string {
  return `${HEAD}${options.map((option) => `\n${lines(option, '').join('\n')}\n`).join('')}`
}

/** @param indent of its line; of what is absent all lines are comments */
function lines(option: Option, indent: string): string[] {
  const { name, kind, fallback, inside, type, needed } = option
  const text = `${option.description}${kind === 'object' ? '' : ` (${type}${needed ? '; must be given' : ''})`}`
  const said = wrap(text, WIDTH - indent.length).map((line) => `${indent}# ${line}`)
  if (kind === 'object') {
    const deeper = inside.flatMap((each) => lines(each, `${indent}  `))
    const isEmpty = deeper.every((line) => line.startsWith(ABSENT))
    const all = [...said, `${indent}${name}:${isEmpty && fallback !== undefined ? ' {}' : ''}`, ...deeper]
    return fallback === undefined ? all.map(commented) : all
  }
  const filledIn = form(option, indent)
  if (fallback !== undefined)
    return [...said, `${indent}${name}: ${valueText(fallback)}`, ...filledIn.map(commented)]
  return [...said, ...(filledIn.length > 0 ? filledIn : [`${indent}${name}:`])].map(commented)
}

/** What an entry, or the object in place of a word, has in it. */
function form({ name, kind, inside, type }: Option, indent: string): string[] {
  if (kind === 'object' || inside.length === 0) return []
  const isList = type.includes('list of')
  const deeper = isList ? `${indent}    ` : `${indent}  `
  return [
    `${indent}${name}:`,
    ...(isList ? [`${indent}  -`] : []),
    ...inside.flatMap((option) => lines(option, deeper)),
  ]
}

function commented(line: string): string {
  return line.startsWith(ABSENT) ? line : `${ABSENT}${line}`
}

function wrap(text: string, width: number): string[] {
  const result: string[] = []
  for (const word of text.split(' ')) {
    const last = result.at(-1)
    if (last !== undefined && last.length + word.length < width) result[result.length - 1] = `${last} ${word}`
    else result.push(word)
  }
  return result
}
