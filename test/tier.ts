/** Runs one tier in this process: `node test/tier.ts netns [--grep text]`. Closes with `netns: N passed, N failed`. */
import { globSync } from 'node:fs'
import { parseArgs } from 'node:util'
import Mocha from 'mocha'
import { tierNamed } from './tiers.ts'

const { positionals, values } = parseArgs({ allowPositionals: true, options: { grep: { type: 'string' } } })
const tier = tierNamed(positionals[0] ?? '')
const files = tier.files
  .flatMap((pattern) => globSync(pattern, { exclude: (path) => path.includes('node_modules') }))
  .sort()

const mocha = new Mocha({ timeout: tier.timeout, reporter: 'spec', forbidOnly: true, forbidPending: true })
if (values.grep) mocha.grep(values.grep)
for (const file of files) mocha.addFile(file)
await mocha.loadFilesAsync()
const runner = mocha.run(() => {
  const { passes = 0, failures = 0, pending = 0 } = runner.stats ?? {}
  const skipped = pending > 0 ? `, ${pending} skipped` : ''
  process.stdout.write(`${tier.name}: ${passes} passed, ${failures} failed${skipped}\n`)
  // A tier that ran nothing, or skipped something, has not shown that anything works.
  process.exit(failures > 0 || pending > 0 || passes === 0 ? 1 : 0)
})
