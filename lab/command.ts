// Starts programs: to the end with their output, or detached for as long as the lab is up.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { LabError } from './errors.ts'

export interface CommandResult {
  readonly stdout: string
  readonly stderr: string
  /** Exit status; 128 + the number of the signal that ended the command. */
  readonly code: number
}

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  /** Milliseconds after which the command is killed. */
  readonly timeout?: number
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (text: string) => void
}

const children = new Set<ChildProcess>()
let interrupted = false

/** Ends every running command and refuses new ones, until `resumeCommands`: what Ctrl-C does first. */
export function interruptCommands(): void {
  interrupted = true
  for (const child of children) child.kill('SIGTERM')
}

/** Allows commands again: for cleaning up. */
export function resumeCommands(): void {
  interrupted = false
}

function refuseWhenInterrupted(): void {
  if (interrupted) throw new LabError('interrupted', 'interrupted')
}

const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }

/** Runs a command to its end, whatever its exit status. Rejects when it cannot start or runs out of time. */
export function attempt(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    refuseWhenInterrupted()
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    children.add(child)
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    let late = false
    const timer =
      options.timeout === undefined
        ? undefined
        : setTimeout(() => {
            late = true
            child.kill('SIGKILL')
          }, options.timeout)
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      into.push(chunk)
      options.onOutput?.(chunk.toString())
    }
    child.stdout.on('data', collect(stdout))
    child.stderr.on('data', collect(stderr))
    child.stdin.on('error', () => {}) // a command may end without reading its input
    child.on('error', (cause) => {
      children.delete(child)
      clearTimeout(timer)
      reject(new LabError('command-failed', `cannot start ${command}: ${cause.message}`, { cause }))
    })
    child.on('close', (code, signal) => {
      children.delete(child)
      clearTimeout(timer)
      if (late) {
        reject(
          new LabError('timed-out', `${command} ${args.join(' ')} took longer than ${options.timeout} ms`),
        )
        return
      }
      resolve({
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        code: code ?? 128 + (SIGNALS[signal ?? ''] ?? 0),
      })
    })
    child.stdin.end(options.input)
  })
}

/** Runs a command that has to succeed; its standard output is the result. */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await attempt(command, args, options)
  if (result.code !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-15).join('\n')
    throw new LabError('command-failed', `${command} ${args.join(' ')} ended with ${result.code}: ${said}`)
  }
  return result.stdout
}

export interface DaemonOptions {
  readonly log: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a process that outlives us, with its output in a file; returns its process id. */
export async function startDaemon(
  command: string,
  args: readonly string[],
  options: DaemonOptions,
): Promise<number> {
  refuseWhenInterrupted()
  const log = openSync(options.log, 'a')
  try {
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (cause) =>
        reject(new LabError('command-failed', `cannot start ${command}: ${cause.message}`, { cause })),
      )
    })
    child.unref()
    return child.pid!
  } finally {
    closeSync(log)
  }
}
