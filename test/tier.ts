/**
 * Runs one tier in this process: `node test/tier.ts netns [--grep text] [--file path]`. Closes with a line for each failure,
 * `netns failed: TITLE: ERROR`, and with `netns: N passed, N failed`; before them a line a file that took long.
 *
 * Files of tiers that hold the real world to times run once more, each in a process of its own, where something in them failed. What
 * passes then does not fail the tier, and is a line, too: `netns unstable: TITLE: ERROR`. It is a fault of the test or of podroute all the same.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import Mocha from 'mocha'
import { tierNamed } from './tiers.ts'

/** Characters of a failure's message that its line shows. */
const ERROR_LENGTH = 600
/** Files with a failure above which a second run would hide a fault, and not a busy machine. */
const MOST_AGAIN = 3
/** Seconds from which on a file is named among the slow ones. */
const SLOW = 5

interface Failure {
  readonly file: string
  readonly text: string
}

const options = { grep: { type: 'string' }, file: { type: 'string' } } as const
const { positionals, values } = parseArgs({ allowPositionals: true, options })
const tier = tierNamed(positionals[0] ?? '')
const files =
  values.file === undefined
    ? tier.files
        .flatMap((pattern) => globSync(pattern, { exclude: (path) => path.includes('node_modules') }))
        .sort()
    : [values.file]

const parallel = tier.jobs !== undefined && values.file === undefined
const mocha = new Mocha({
  timeout: tier.timeout,
  reporter: 'spec',
  forbidOnly: true,
  forbidPending: true,
  ...(parallel ? { parallel, jobs: tier.jobs } : {}),
})
if (values.grep) mocha.grep(values.grep)
for (const file of files) mocha.addFile(file)
// The processes of a parallel run load their files themselves.
if (!parallel) await mocha.loadFilesAsync()
const failures: Failure[] = []
const runner = mocha.run(() => {
  const { passes = 0, pending = 0 } = runner.stats ?? {}
  showSlowFiles()
  const unstable = failuresThatPassAgain()
  const failed = failures.filter((failure) => !unstable.includes(failure))
  for (const { text } of failed) process.stdout.write(`${tier.name} failed: ${text}\n`)
  for (const { text } of unstable) process.stdout.write(`${tier.name} unstable: ${text}\n`)
  const skipped = pending > 0 ? `, ${pending} skipped` : ''
  const second = unstable.length > 0 ? `, ${unstable.length} passed the second time alone` : ''
  process.stdout.write(`${tier.name}: ${passes} passed, ${failed.length} failed${second}${skipped}\n`)
  // A tier that ran nothing, or skipped something, has not shown that anything works.
  process.exit(failed.length > 0 || pending > 0 || passes === 0 ? 1 : 0)
})
runner.on('fail', (test, error: Error) => {
  const message = error.message.replaceAll(/\s+/g, ' ').slice(0, ERROR_LENGTH)
  failures.push({ file: test.file ?? '', text: `${test.fullTitle()}: ${message}` })
})

/** What hooks and tests of each file took, in milliseconds. */
const durations = new Map<string, number>()
for (const event of ['test end', 'hook end'] as const)
  runner.on(event, ({ file = '', duration = 0 }: { file?: string; duration?: number }) => {
    durations.set(file, (durations.get(file) ?? 0) + duration)
  })

/** A line a file that took long, the slowest first. */
function showSlowFiles(): void {
  const slow = [...durations].filter(([, duration]) => duration >= SLOW * 1000).sort(([, a], [, b]) => b - a)
  for (const [file, duration] of slow)
    process.stdout.write(`# ${(duration / 1000).toFixed(1).padStart(5)} s ${relative('', file)}\n`)
}

/** The failures in files that pass when they run again. */
function failuresThatPassAgain(): readonly Failure[] {
  const again = [...new Set(failures.map(({ file }) => file))]
  if (!tier.again || values.file !== undefined || again.length > MOST_AGAIN) return []
  const passed = again.filter((file) => {
    process.stdout.write(`\n${tier.name}: ${file} runs a second time, alone\n`)
    const args = [new URL(import.meta.url).pathname, tier.name, '--file', file]
    return file !== '' && spawnSync(process.execPath, args, { stdio: 'inherit' }).status === 0
  })
  return failures.filter(({ file }) => passed.includes(file))
}
