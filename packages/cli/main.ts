#!/usr/bin/env node
/** Entry point of `podroute`. */
import { VERSION } from '@podroute/agent/version.ts'
import { CommanderError } from 'commander'
import { askPages } from './client.ts'
import { SOCKET } from './command.ts'
import { CliError, exitStatus } from './errors.ts'
import { createProgram } from './program.ts'
import { processSurroundings } from './surroundings.ts'

try {
  // Without an agent the commands themselves say so.
  const { pages } = await askPages(socketOf(process.argv)).catch(() => ({ pages: [] }))
  await createProgram(VERSION, processSurroundings(), pages).parseAsync()
} catch (error) {
  // What is wrong with the arguments has been said.
  if (!(error instanceof CommanderError))
    process.stderr.write(`podroute: ${error instanceof CliError ? error.message : (error as Error).stack}\n`)
  process.exitCode = exitStatus(error)
}

/** The pages are asked for before the arguments are parsed. */
function socketOf(args: readonly string[]): string {
  const at = args.indexOf('--socket')
  const given =
    at < 0 ? args.find((arg) => arg.startsWith('--socket='))?.slice('--socket='.length) : args[at + 1]
  return given ?? SOCKET
}
