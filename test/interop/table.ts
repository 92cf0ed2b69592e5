// What is tested between our speaker and which implementation, as the table of the package's README. `node test/interop/table.ts` writes it there.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { IMPLEMENTATIONS, type Implementation } from './daemons.ts'
import type { Feature } from './support/together.ts'

export const README = join(import.meta.dirname, '../../packages/bgp-speaker-ts/README.md')
const BEGIN = '<!-- interop: written by test/interop/table.ts -->'
const END = '<!-- end of interop -->'

/** How many tests there are of each feature with each implementation, and below the table why there are fewer of some, or none. */
export function table(): string {
  const features = [...new Set(IMPLEMENTATIONS.flatMap(({ cases }) => cases.map(({ feature }) => feature)))]
  const notes: string[] = []
  const cell = (feature: Feature) => (implementation: Implementation) => {
    const count = String(implementation.cases.filter((item) => item.feature === feature).length || '–')
    const why = implementation.lacks[feature]
    if (why === undefined) return count
    const note = `${implementation.name} ${why}.`
    if (!notes.includes(note)) notes.push(note)
    return `${count} (${notes.indexOf(note) + 1})`
  }
  const rows = [
    ['Tests of', ...IMPLEMENTATIONS.map(({ name }) => name)],
    ...features.map((feature) => [feature, ...IMPLEMENTATIONS.map(cell(feature))]),
  ]
  // In columns, as the formatter wants Markdown.
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((cells) => cells[column]!.length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column]!)).join(' | ')} |`
  const [head, ...body] = rows.map(line)
  const below = notes.map((note, i) => `${i + 1}. ${note}`)
  return ['', head, line(widths.map((width) => '-'.repeat(width))), ...body, '', ...below, ''].join('\n')
}

/** The README with the table of now. @throws Error when it has no place for it */
export function withTable(readme: string): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error('the README has no place for the table')
  return `${readme.slice(0, begin + BEGIN.length)}\n${table()}\n${readme.slice(end)}`
}

if (import.meta.main) writeFileSync(README, withTable(readFileSync(README, 'utf8')))
