/** `npm run fuzz [-- NAME… --seconds N]`: fuzzes each target, or those that are named, for ten minutes each; findings go into the corpus. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { CORPUS, type NamedTarget, TARGETS } from './targets.ts'

const SECONDS = 600
/** BGP speakers in sessions, by the library's own fuzzer. */
const SESSIONS = 'bgp-sessions'
const SESSION_TESTS = ['corpus', 'fuzz'].map((name) => `packages/bgp-speaker-ts/test/hostile/${name}.test.ts`)
const NAMES = [...TARGETS.map(({ name }) => name), SESSIONS]

const USAGE = `usage: npm run fuzz -- [NAME…] [--seconds N]

Feeds changed inputs to what takes others' (all of them where none is named), each for N seconds (${SECONDS}):
  ${NAMES.join(' ')}
A finding is written to test/fuzz/corpus/NAME and tried again by every npm test. SEED=N begins as an earlier run did.
`

/** Returns whether nothing was found. */
function run(target: NamedTarget, seconds: number, seed: number): boolean {
  const end = performance.now() + seconds * 1000
  const { runs, taken, finding } = target.run(seeded(seed), () => performance.now() > end)
  process.stdout.write(`${target.name}: ${runs} inputs, ${taken} of them taken, SEED=${seed}\n`)
  if (!finding) return true
  const name = `found-${createHash('sha256').update(finding.text).digest('hex').slice(0, 12)}`
  writeFileSync(join(CORPUS, target.name, name), finding.text)
  process.stdout.write(
    `${finding.problem}\nwritten to test/fuzz/corpus/${target.name}/${name}:\n${finding.text}\n`,
  )
  return false
}

function runSessions(seconds: number, seed: number): boolean {
  const mocha = join(import.meta.dirname, '../../node_modules/mocha/bin/mocha.js')
  const env = { ...process.env, FUZZ_MS: String(seconds * 1000), FUZZ_SEED: String(seed) }
  const { status } = spawnSync(process.execPath, [mocha, ...SESSION_TESTS], { env, stdio: 'inherit' })
  return status === 0
}

function main(): number {
  const options = { seconds: { type: 'string' }, help: { type: 'boolean' } } as const
  const { positionals, values } = parseArgs({ allowPositionals: true, options })
  const seconds = Number(values.seconds ?? SECONDS)
  const unknown = positionals.filter((name) => !NAMES.includes(name))
  if (values.help || unknown.length > 0 || !(seconds > 0)) {
    process.stdout.write(USAGE)
    return values.help ? 0 : 2
  }
  const seed = testSeed()
  const wanted = positionals.length > 0 ? positionals : NAMES
  const found = wanted.filter((name) => {
    const target = TARGETS.find((one) => one.name === name)
    return !(target ? run(target, seconds, seed) : runSessions(seconds, seed))
  })
  return found.length === 0 ? 0 : 1
}

process.exitCode = main()
