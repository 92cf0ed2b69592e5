/** Programs that the release starts, at the top of the repository. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

export const TOP = resolve(import.meta.dirname, '../..')

export const say = (text: string): void => void process.stderr.write(`release: ${text}\n`)

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function notStarted(program: string, error: NodeJS.ErrnoException): Error {
  return new Error(
    error.code === 'ENOENT'
      ? `there is no program ${program} here: install it`
      : `cannot start ${program}: ${error.message}`,
  )
}

/** To its end, whatever its exit status. */
export function attempt(program: string, args: readonly string[]): Outcome {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...{ cwd: TOP, encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'pipe'] },
  })
  if (error) throw notStarted(program, error)
  return { code: status ?? 1, stdout, stderr }
}

/** @throws Error with its last words where it fails */
export function output(program: string, ...args: readonly string[]): string {
  const { code, stdout, stderr } = attempt(program, args)
  if (code === 0) return stdout.trim()
  const said = (stderr.trim() || stdout.trim()).split('\n').slice(-15).join('\n')
  throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${said}`)
}

/** Shows what the program says: for what takes minutes. */
export function shown(program: string, ...args: readonly string[]): void {
  const { status, signal, error } = spawnSync(program, args, { cwd: TOP, stdio: ['ignore', 2, 2] })
  if (error) throw notStarted(program, error)
  if (status === 0) return
  throw new Error(`${program} ${args.join(' ')} ended with ${signal ?? status}, as said above`)
}
