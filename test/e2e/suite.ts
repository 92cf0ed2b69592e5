/** Runs upstream's end-to-end tests against the running lab, by upstream's own runner. */
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { LAB_NAMESPACE, NODE_COUNT } from '../../lab/addresses.ts'
import { buildControlPlane } from '../../lab/control-plane/build.ts'
import { KUBECONFIG } from '../../lab/state.ts'
import { buildUpstream } from '../../lab/upstream/programs.ts'
import { IMPOSSIBLE } from './cases.ts'
import { caseReader, type GinkgoReport, type Results, readReport } from './report.ts'

export interface SuiteOptions {
  /** Regular expression of Go: which cases. */
  readonly focus: string
  /** Regular expressions of Go: but not these. Nor those that cannot run. */
  readonly skip: readonly string[]
  /** Cases that run at the same time; those that upstream marks [Serial] run alone, last. */
  readonly processes: number
  /** Folder for the reports and the log. */
  readonly directory: string
  /** Gets a line when a case has ended. */
  readonly onCase: (line: string) => void
}

const REPORT = 'report.json'
export const JUNIT = 'junit.xml'
export const LOG = 'ginkgo.log'

/** Runs the cases. Whatever they say it resolves; it rejects when there is no report. */
export async function runSuite(options: SuiteOptions): Promise<Results> {
  const { directory, focus, skip } = options
  const [upstream, programs] = [await buildUpstream(), await buildControlPlane()]
  await mkdir(directory, { recursive: true })
  const report = join(directory, REPORT)
  await rm(report, { force: true })
  const runner = [
    ...[`--procs=${options.processes}`, `--focus=${focus}`],
    ...[...skip, ...IMPOSSIBLE.map(({ pattern }) => pattern.source)].map((pattern) => `--skip=${pattern}`),
    ...[`--output-dir=${directory}`, `--json-report=${REPORT}`, `--junit-report=${JUNIT}`],
    ...['--timeout=6h', '-v', '--no-color', '--output-interceptor-mode=none'],
  ]
  const suite = [
    ...[`--kubeconfig=${KUBECONFIG}`, `--kubectl-path=${join(programs, 'kubectl')}`, '--provider=skeleton'],
    ...[`--num-nodes=${NODE_COUNT}`, '--dns-domain=cluster.local', '--disable-log-dump'],
  ]
  await runLogged(
    ['ip', 'netns', 'exec', LAB_NAMESPACE, join(upstream, 'ginkgo'), ...runner],
    [join(upstream, 'e2e.test'), '--', ...suite],
    options,
  )
  const suites = JSON.parse(await readFile(report, 'utf8')) as GinkgoReport[]
  const [wanted, unwanted] = [new RegExp(focus), skip.map((pattern) => new RegExp(pattern))]
  return readReport(suites, (name) => wanted.test(name) && !unwanted.some((pattern) => pattern.test(name)))
}

/** Runs ginkgo with its output in a file; `onCase` hears of each case that has ended. */
function runLogged(
  runner: readonly string[],
  suite: readonly string[],
  { directory, onCase }: SuiteOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = [...runner, ...suite]
    const child = spawn(program!, args, {
      cwd: directory,
      detached: true, // a process group of its own
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const log = createWriteStream(join(directory, LOG))
    const read = caseReader(onCase)
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`)
      read(line)
    })
    child.stderr.on('data', (chunk: Buffer) => log.write(chunk))
    // Interrupted, the runner and its processes clean up and write their report.
    const interrupt = () => process.kill(-child.pid!, 'SIGINT')
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
    child.on('error', reject)
    child.on('close', () => {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      log.end(resolve)
    })
  })
}
