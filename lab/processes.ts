// The processes of a running lab: started detached, remembered in a file, ended by their process ids.

import { readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDaemon } from './command.ts'
import { LabError } from './errors.ts'

export interface LabProcess {
  readonly name: string
  readonly pid: number
  /** Clock ticks since the machine's boot: another process with a reused id has another. */
  readonly startTime: string
}

export interface StartOptions {
  /** Network namespace to start it in. */
  readonly netns?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Field 22 of /proc/PID/stat, or undefined when there is no such process (a zombie counts as none). */
function startTimeOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

export function isAlive({ pid, startTime }: LabProcess): boolean {
  return startTimeOf(pid) === startTime
}

export class Processes {
  readonly directory: string
  readonly #tied: boolean
  #list: LabProcess[] = []

  /** `tied`: the kernel ends the processes with this one (for tests). */
  constructor(directory: string, tied = false) {
    this.directory = directory
    this.#tied = tied
  }

  static async load(directory: string): Promise<Processes> {
    const processes = new Processes(directory)
    const text = await readFile(processes.#file, 'utf8').catch(() => '[]')
    processes.#list = JSON.parse(text) as LabProcess[]
    return processes
  }

  get #file(): string {
    return join(this.directory, 'processes.json')
  }

  get list(): readonly LabProcess[] {
    return this.#list
  }

  logPath(name: string): string {
    return join(this.directory, 'logs', `${name}.log`)
  }

  async start(name: string, command: readonly string[], options: StartOptions = {}): Promise<void> {
    await mkdir(join(this.directory, 'logs'), { recursive: true })
    const tie = this.#tied ? ['setpriv', '--pdeathsig', 'KILL'] : []
    const enter = options.netns === undefined ? [] : ['ip', 'netns', 'exec', options.netns]
    const [program, ...args] = [...tie, ...enter, ...command]
    const pid = await startDaemon(program!, args, {
      log: this.logPath(name),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    const startTime = startTimeOf(pid)
    if (startTime === undefined)
      throw new LabError('command-failed', `${name} ended at once: see ${this.logPath(name)}`)
    this.#list.push({ name, pid, startTime })
    await writeFile(this.#file, JSON.stringify(this.#list))
  }

  isRunning(name: string): boolean {
    return this.#list.some((entry) => entry.name === name && isAlive(entry))
  }

  /** Throws with the end of its log when the process has ended. */
  async expectRunning(name: string): Promise<void> {
    if (this.isRunning(name)) return
    const text = await readFile(this.logPath(name), 'utf8').catch(() => '')
    throw new LabError('command-failed', `${name} ended:\n${text.split('\n').slice(-12).join('\n').trim()}`)
  }

  /** Ends those whose name `which` accepts, at once, the newest first. */
  async stop(which: (name: string) => boolean = () => true): Promise<void> {
    const chosen = this.#list.filter(({ name }) => which(name))
    for (const entry of chosen.toReversed()) if (isAlive(entry)) kill(entry.pid)
    const deadline = performance.now() + 10_000
    while (chosen.some(isAlive) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    this.#list = this.#list.filter(({ name }) => !which(name))
    await writeFile(this.#file, JSON.stringify(this.#list)).catch(() => {})
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL') // the API server would drain for a minute on SIGTERM
  } catch {
    // It ended meanwhile.
  }
}
