/** Reads the report that ginkgo writes, and says in a few lines which cases ran and how they ended. */
import { impossible } from './cases.ts'

export type Outcome = 'passed' | 'failed' | 'could not run'

export interface CaseResult {
  readonly name: string
  readonly outcome: Outcome
  readonly seconds: number
  /** Why it failed or could not run; empty when it passed. */
  readonly reason: string
}

/** What is read of ginkgo's types.Report (github.com/onsi/ginkgo/v2/types), one a suite. */
export interface GinkgoReport {
  readonly SpecReports: readonly GinkgoSpec[] | null
  readonly SpecialSuiteFailureReasons?: readonly string[] | null
}

interface GinkgoSpec {
  readonly ContainerHierarchyTexts: readonly string[] | null
  readonly LeafNodeType: string
  readonly LeafNodeText: string
  readonly State: string
  /** Nanoseconds. */
  readonly RunTime: number
  readonly Failure?: { readonly Message?: string }
}

export interface Results {
  readonly cases: readonly CaseResult[]
  /** What went wrong outside of the cases. */
  readonly failures: readonly string[]
}

function nameOf(spec: GinkgoSpec): string {
  return [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(' ').trim()
}

/** ginkgo also reports every case that nobody asked for: as skipped, without a word. */
function caseResult(spec: GinkgoSpec, wanted: (name: string) => boolean): CaseResult | undefined {
  const name = nameOf(spec)
  const message = spec.Failure?.Message?.trim() ?? ''
  const seconds = spec.RunTime / 1e9
  if (spec.State === 'passed') return { name, outcome: 'passed', seconds, reason: '' }
  if (spec.State === 'interrupted') return { name, outcome: 'could not run', seconds, reason: 'interrupted' }
  if (spec.State !== 'skipped' && spec.State !== 'pending') {
    return { name, outcome: 'failed', seconds, reason: message || spec.State }
  }
  const reason = message || (wanted(name) ? impossible(name) : undefined)
  return reason === undefined ? undefined : { name, outcome: 'could not run', seconds, reason }
}

/** `wanted` says whether a case belongs to what was asked for, also where it was left out. */
export function readReport(suites: readonly GinkgoReport[], wanted: (name: string) => boolean): Results {
  const specs = suites.flatMap(({ SpecReports }) => SpecReports ?? [])
  const cases = specs
    .filter(({ LeafNodeType }) => LeafNodeType === 'It')
    .map((spec) => caseResult(spec, wanted))
    .filter((result) => result !== undefined)
    .toSorted((a, b) => a.name.localeCompare(b.name))
  const around = specs
    .filter(({ LeafNodeType, State }) => LeafNodeType !== 'It' && State !== 'passed' && State !== 'skipped')
    .map((spec) => `${spec.LeafNodeType}: ${spec.Failure?.Message?.trim() || spec.State}`)
  const suite = suites.flatMap(({ SpecialSuiteFailureReasons }) => SpecialSuiteFailureReasons ?? [])
  return { cases, failures: [...around, ...suite] }
}

/**
 * Reads ginkgo's output by lines; `onCase` gets one for each case that has ended. Its name is on the line after that, or, where one process
 * runs all, on the one that it began with.
 */
export function caseReader(onCase: (line: string) => void): (line: string) => void {
  let [begun, ended] = ['', '']
  return (line) => {
    if (ended !== '') {
      const name = line.startsWith('---') ? begun : line
      onCase(`${ended} ${name.replace(/ \[sig-network[,\]].*$/, '').trim()}`)
    }
    if (line.startsWith('[sig-')) begun = line
    ended = /^(?:•|S|P) .*\[[\d.]+ seconds\]$/.test(line) ? line : ''
  }
}

const firstLine = (text: string) => text.split('\n')[0]!.slice(0, 200)

function section(
  title: string,
  results: readonly CaseResult[],
  line: (result: CaseResult) => string,
): string {
  if (results.length === 0) return ''
  return `${title}:\n${results.map((result) => `  ${line(result)}\n`).join('')}\n`
}

/** Every case by name, then the counts. */
export function summarize({ cases, failures }: Results): string {
  const of = (outcome: Outcome) => cases.filter((result) => result.outcome === outcome)
  const timed = ({ seconds, name }: CaseResult) => `${seconds.toFixed(0).padStart(4)} s  ${name}`
  return [
    section('passed', of('passed'), timed),
    section(
      'could not run',
      of('could not run'),
      ({ name, reason }) => `${name}\n      ${firstLine(reason)}`,
    ),
    section('FAILED', of('failed'), (result) => `${timed(result)}\n      ${firstLine(result.reason)}`),
    failures.map((text) => `FAILED: ${firstLine(text)}\n`).join(''),
    `e2e: ${of('passed').length} passed, ${of('failed').length} failed, ${of('could not run').length} could not run\n`,
  ].join('')
}
