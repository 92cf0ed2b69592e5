// The host's client of the command channel: one connection to the relay's unix socket a command.

import { createConnection, type Socket } from 'node:net'
import type { CommandResult } from '../command.ts'
import { LabError } from '../errors.ts'

export interface GuestCommand {
  readonly argv: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** A pseudo-terminal of this size; standard error then comes as standard output. */
  readonly tty?: { readonly rows: number; readonly columns: number }
}

export interface GuestStreams {
  readonly onStdout: (chunk: Buffer) => void
  readonly onStderr: (chunk: Buffer) => void
  /** Bytes for the command's standard input; absent: empty. */
  readonly stdin?: NodeJS.ReadableStream | string | Uint8Array
}

// Frame kinds and layout: tools/agent.go.
const STDOUT = 1
const STDERR = 2
const EXIT = 3
const HEADER = 5

class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  readonly #onFrame: (kind: number, payload: Buffer) => void

  constructor(onFrame: (kind: number, payload: Buffer) => void) {
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= HEADER) {
      const end = HEADER + bytes.readUInt32BE(1)
      if (bytes.length < end) break
      this.#onFrame(bytes[0]!, bytes.subarray(HEADER, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes
  }
}

function inputFrame(bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(bytes.length)
  return Buffer.concat([header, bytes])
}

function sendInput(socket: Socket, stdin: GuestStreams['stdin']): void {
  const end = () => socket.write(inputFrame(new Uint8Array()))
  if (stdin === undefined) end()
  else if (typeof stdin === 'string' || stdin instanceof Uint8Array) {
    const bytes = Buffer.from(stdin)
    if (bytes.length > 0) socket.write(inputFrame(bytes))
    end()
  } else {
    stdin.on('data', (chunk: Buffer | string) => socket.write(inputFrame(Buffer.from(chunk))))
    stdin.once('end', end)
  }
}

/**
 * Runs a command in a guest and passes its output on; resolves with the exit status (128 + signal number when
 * killed). Rejects with `vm-ended` when the guest goes away and `timed-out` after `timeout` milliseconds,
 * when the command's process group is killed.
 */
export function runInGuest(
  socketPath: string,
  command: GuestCommand,
  streams: GuestStreams,
  timeout?: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath })
    let code: number | undefined
    let failure: LabError | undefined
    const finish = (error: LabError) => {
      failure ??= error
      socket.destroy()
    }
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(
            () => finish(new LabError('timed-out', `no end after ${timeout} ms: ${command.argv.join(' ')}`)),
            timeout,
          )
    const reader = new FrameReader((kind, payload) => {
      if (kind === STDOUT) streams.onStdout(payload)
      else if (kind === STDERR) streams.onStderr(payload)
      else if (kind === EXIT) {
        const status = JSON.parse(payload.toString()) as { code: number; error?: string }
        code = status.code
        if (status.error !== undefined) streams.onStderr(Buffer.from(`${status.error}\n`))
        socket.destroy()
      }
    })
    socket.on('connect', () => {
      socket.write(`${JSON.stringify(command)}\n`)
      sendInput(socket, streams.stdin)
    })
    socket.on('data', (chunk) => reader.push(chunk))
    socket.on('end', () => socket.destroy())
    socket.on('error', (cause) =>
      finish(new LabError('vm-ended', `the guest is not reachable: ${cause.message}`, { cause })),
    )
    socket.on('close', () => {
      clearTimeout(timer)
      if (code !== undefined) resolve(code)
      else
        reject(failure ?? new LabError('vm-ended', `the guest went away during: ${command.argv.join(' ')}`))
    })
  })
}

/** The same with the output collected. */
export async function collectInGuest(
  socketPath: string,
  command: GuestCommand,
  options: { readonly timeout?: number; readonly stdin?: GuestStreams['stdin'] } = {},
): Promise<CommandResult> {
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  const code = await runInGuest(
    socketPath,
    command,
    {
      onStdout: (chunk) => stdout.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    },
    options.timeout,
  )
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}
