// One line a figure, `name ours peer ratio goal ok|missed`, or the same as JSON: the output of every benchmark.

/** What a figure must reach: `ratio` compares ours with the peer's (ours / peer), `max` is an absolute bound; both are upper bounds. */
export type Goal = { readonly kind: 'ratio' | 'max'; readonly value: number }

/** One measured figure. `ours` and `peer` are in `unit`; a figure without a goal is information only. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly peer?: number
  readonly goal?: Goal
}

export interface Result extends Figure {
  readonly ratio?: number
  readonly verdict: 'ok' | 'missed' | 'info'
}

/**
 * Judges a figure against its goal.
 * @throws RangeError when the figure is not a number, or a ratio goal has no peer: then nothing was measured.
 */
export function judge(figure: Figure): Result {
  const { ours, peer, goal } = figure
  if (!Number.isFinite(ours)) throw new RangeError(`${figure.name}: ours was not measured`)
  if (peer !== undefined && !(peer > 0)) throw new RangeError(`${figure.name}: the peer was not measured`)
  if (goal?.kind === 'ratio' && peer === undefined)
    throw new RangeError(`${figure.name}: no peer to compare with`)
  const ratio = peer === undefined ? undefined : ours / peer
  const measured = goal?.kind === 'ratio' ? ratio! : ours
  const verdict = goal === undefined ? 'info' : measured <= goal.value ? 'ok' : 'missed'
  return { ...figure, ...(ratio === undefined ? {} : { ratio }), verdict }
}

/** The one line of a result, in columns. */
export function formatLine(result: Result): string {
  const amount = (value: number | undefined) =>
    value === undefined ? '-' : `${digits(value)} ${result.unit}`
  const goal =
    result.goal === undefined
      ? '-'
      : `<= ${result.goal.value}${result.goal.kind === 'ratio' ? ' x' : ` ${result.unit}`}`
  const ratio = result.ratio === undefined ? '-' : `${digits(result.ratio)} x`
  const columns = [
    result.name.padEnd(44),
    amount(result.ours).padStart(12),
    amount(result.peer).padStart(12),
    ratio.padStart(9),
    goal.padStart(10),
  ]
  return `${columns.join(' ')}  ${result.verdict}`
}

/** Judges and prints one figure: a line of text, or a line of JSON when the program was called with `--json`. */
export function report(
  figure: Figure,
  options: { json?: boolean; print?: (line: string) => void } = {},
): Result {
  const result = judge(figure)
  const json = options.json ?? process.argv.includes('--json')
  const print = options.print ?? ((line: string) => process.stdout.write(`${line}\n`))
  print(json ? JSON.stringify(result) : formatLine(result))
  return result
}

/** Says which case begins, before its first figure is there; not among the figures. */
export function begin(name: string): void {
  process.stderr.write(`${name} ...\n`)
}

/** The median; of an even count the mean of the middle two. @throws RangeError of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of no values')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function digits(value: number): string {
  return Math.abs(value) >= 100
    ? value.toFixed(0)
    : Math.abs(value) >= 10
      ? value.toFixed(1)
      : value.toFixed(3)
}
