/** Text for people: aligned columns, sizes. */
import { PLAIN, type Style } from './style.ts'

/** Columns padded to their widest cell, two blanks apart; an empty cell is a dash, but for the last one, which is not padded. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  style: Style = PLAIN,
): string {
  const last = header.length - 1
  const all = [header, ...rows.map((row) => row.map((cell, i) => (i < last ? dash(cell) : cell)))]
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all
    .map((row, i) => {
      const paint = i === 0 ? style.header : style.state
      return row
        .map((cell, column) => paint(cell) + ' '.repeat(Math.max(widths[column]! - cell.length, 0)))
        .join('  ')
        .trimEnd()
    })
    .join('\n')
}

/** `name: value` lines with the values under each other. */
export function fields(
  entries: readonly (readonly [name: string, value: string])[],
  style: Style = PLAIN,
): string {
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries
    .map(([name, value]) => `${`${name}:`.padEnd(width + 1)} ${style.state(value)}`.trimEnd())
    .join('\n')
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}

export const dash = (text: string | undefined): string => (text === undefined || text === '' ? '-' : text)
