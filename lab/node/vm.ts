// Virtual machines that see this machine's whole file system, read-only, under a layer
// of their own: programs, the repository and node_modules are at the same paths; what a guest writes vanishes.
//
//   const vm = await bootVm({ name: 'ipvs' })
//   const { stdout, stderr, code } = await vm.run('modprobe ip_vs && ipvsadm -L')
//   await vm.close()
//
// From a shell: node lab/main.ts vm [--memory MiB] [--cpus N] [--share DIR] -- COMMAND…

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandResult } from '../command.ts'
import { LabError } from '../errors.ts'
import { buildTools } from '../tools/build.ts'
import { collectInGuest, type GuestCommand, type GuestStreams, runInGuest } from './channel.ts'
import { agentSocket, machineProcesses, prepareKernel } from './machine.ts'
import type { GuestNetwork, MachineSettings, Share } from './settings.ts'

export interface VmOptions {
  readonly name: string
  /** Default 1024. The guest's writes live in it too. */
  readonly memoryMiB?: number
  /** Default: half of the machine's, 1 at least, 4 at most. Emulated, a second one costs more than it gives. */
  readonly cpus?: number
  /** Folders to see past every cache: read-only for sources that change meanwhile, read-write for results. */
  readonly shares?: readonly Share[]
  /** Taps of the network namespace that we run in; none by default. */
  readonly networks?: readonly GuestNetwork[]
  /** Milliseconds until the guest has to answer; default 120,000. */
  readonly bootTimeout?: number
}

export interface RunOptions {
  /** Milliseconds; without it a command may take forever. */
  readonly timeout?: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: GuestStreams['stdin']
}

export interface Vm extends AsyncDisposable {
  readonly name: string
  /** Seconds from power-on to the first command's end. */
  readonly bootSeconds: number
  /** The host's processes that are this machine: what it costs the host is theirs, and their children's. */
  readonly processes: readonly number[]
  /** Runs a command (text: by bash) as root; several may run at once. Resolves whatever the exit status. */
  run(command: string | readonly string[], options?: RunOptions): Promise<CommandResult>
  /** The same with the output passed on as it comes; resolves with the exit status. */
  stream(command: string | readonly string[], streams: GuestStreams, options?: RunOptions): Promise<number>
  /** Ends the machine at once and removes its files. */
  close(): Promise<void>
}

export const START_SCRIPT = join(import.meta.dirname, 'start.sh')

export function defaultCpus(): number {
  return Math.min(4, Math.max(1, Math.floor(availableParallelism() / 2)))
}

export function guestCommand(command: string | readonly string[], options: RunOptions): GuestCommand {
  return {
    argv: typeof command === 'string' ? ['/bin/bash', '-c', command] : command,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  }
}

const PREFIX = 'podroute-vm-'

/** Removes the folders of processes that were killed. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN
    if (owner > 0 && !existsSync(`/proc/${owner}`))
      await rm(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** Starts a process that the kernel ends when we end, however that happens. */
function spawnTied(command: readonly string[], logPath: string): ChildProcess {
  const log = openSync(logPath, 'a')
  try {
    return spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', log, log] })
  } finally {
    closeSync(log)
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('close', () => resolve()).once('error', () => resolve())
  })
}

/** Boots a virtual machine that lives as long as this process at most. */
export async function bootVm(options: VmOptions): Promise<Vm> {
  const [kernel, tools] = await Promise.all([prepareKernel(), buildTools()])
  await removeLeftovers()
  const directory = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-${options.name}-`))
  const machine: MachineSettings = {
    name: options.name,
    memoryMiB: options.memoryMiB ?? 1024,
    cpus: options.cpus ?? defaultCpus(),
    kernel,
    tools,
    start: START_SCRIPT,
    shares: options.shares ?? [],
    networks: options.networks ?? [],
    directory,
  }
  const started = performance.now()
  const log = join(directory, 'machine.log')
  const socket = agentSocket(directory)
  const children = machineProcesses(machine).map(({ command }) => spawnTied(command, log))
  const close = async () => {
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map(ended))
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await waitForAgent(socket, children, options.bootTimeout ?? 120_000)
  } catch (cause) {
    const said = [log, join(directory, 'console.log')].map(tail).filter(Boolean).join('\n')
    await close()
    throw new LabError('vm-ended', `the virtual machine ${options.name} did not start: ${said}`, { cause })
  }
  const bootSeconds = (performance.now() - started) / 1000
  const processes = children.flatMap(({ pid }) => pid ?? [])
  return {
    name: options.name,
    bootSeconds,
    processes,
    ...commandsIn(socket),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(-12).join('\n').trim()
  } catch {
    return ''
  }
}

async function waitForAgent(
  socket: string,
  children: readonly ChildProcess[],
  timeout: number,
): Promise<void> {
  const deadline = performance.now() + timeout
  for (;;) {
    const left = deadline - performance.now()
    if (left <= 0) throw new LabError('timed-out', `no answer after ${timeout} ms`)
    if (children.some((child) => child.exitCode !== null || child.signalCode !== null)) {
      throw new LabError('vm-ended', 'it ended')
    }
    try {
      await collectInGuest(socket, { argv: ['/bin/true'] }, { timeout: left })
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20)) // the relay makes its socket in a moment
    }
  }
}

function commandsIn(socket: string): Pick<Vm, 'run' | 'stream'> {
  return {
    run: (command, options = {}) => collectInGuest(socket, guestCommand(command, options), options),
    stream: (command, streams, options = {}) =>
      runInGuest(socket, guestCommand(command, options), streams, options.timeout),
  }
}
