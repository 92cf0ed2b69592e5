#!/usr/bin/env node
/** Entry point of `podroute`. */
import { VERSION } from '@podroute/agent/version.ts'
import { CliError } from './errors.ts'
import { createProgram } from './program.ts'

// A reader that has seen enough (`podroute routes | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

try {
  await createProgram(VERSION, (text) => process.stdout.write(text)).parseAsync()
} catch (error) {
  process.stderr.write(`podroute: ${error instanceof CliError ? error.message : (error as Error).stack}\n`)
  process.exitCode = 1
}
