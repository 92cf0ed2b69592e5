/** Surroundings of commands that people start: this process. */
import type { Surroundings } from './command.ts'
import { styleFor } from './style.ts'

export function processSurroundings(): Surroundings {
  // A reader that has seen enough (`podroute routes | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1)
  })
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
