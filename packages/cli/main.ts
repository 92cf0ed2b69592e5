#!/usr/bin/env node
/** Entry point of `podroute`. */
import { VERSION } from '@podroute/agent/version.ts'
import { CommanderError } from 'commander'
import { askPages } from './client.ts'
import { SOCKET, type Surroundings } from './command.ts'
import { CliError, exitStatus } from './errors.ts'
import { createProgram } from './program.ts'
import { styleFor } from './style.ts'

// A reader that has seen enough (`podroute routes | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

try {
  // Without an agent the commands themselves say so.
  const { pages } = await askPages(socketOf(process.argv)).catch(() => ({ pages: [] }))
  await createProgram(VERSION, surroundings(), pages).parseAsync()
} catch (error) {
  // What is wrong with the arguments has been said.
  if (!(error instanceof CommanderError))
    process.stderr.write(`podroute: ${error instanceof CliError ? error.message : (error as Error).stack}\n`)
  process.exitCode = exitStatus(error)
}

function surroundings(): Surroundings {
  const terminal = process.stdout.isTTY === true
  let ended: AbortSignal | undefined
  return {
    write: (text) => process.stdout.write(text),
    say: (line) => process.stderr.write(`podroute: ${line}\n`),
    terminal,
    style: styleFor(terminal, process.env),
    // Commands that do not ask for it are ended by signals as any process is.
    get signal() {
      ended ??= interrupted()
      return ended
    },
    exit(status) {
      process.exitCode = status
    },
  }
}

/** Aborts with the first Ctrl-C, with which a command that goes on ends well; the second ends the process, whatever it does. */
function interrupted(): AbortSignal {
  const interrupt = new AbortController()
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.once(signal, () => {
      process.exitCode = 128 + number
      interrupt.abort()
    })
  }
  return interrupt.signal
}

/** The pages are asked for before the arguments are parsed. */
function socketOf(args: readonly string[]): string {
  const at = args.indexOf('--socket')
  const given =
    at < 0 ? args.find((arg) => arg.startsWith('--socket='))?.slice('--socket='.length) : args[at + 1]
  return given ?? SOCKET
}
