/** The node of the service benchmarks: a virtual machine in which the agent or kube-proxy runs as a process, beside nothing else. */
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { bootVm, type Vm } from '../../lab/node/vm.ts'
import { buildTools } from '../../lab/tools/build.ts'
import { type MachineTime, machineTime } from './machine-time.ts'
import { guestNetwork, guestSetup } from './services-network.ts'
import { NODE } from './services-objects.ts'

/** Shows what goes over netlink in the node. */
const MONITOR = 'netlink'

/** A program of the node, started by `run`. */
export interface Program {
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What /proc says of the program. */
export interface Usage {
  /** MiB */
  readonly rss: number
  /** MiB; the part of it that is no file's. */
  readonly anonymous: number
  /** MiB; the most that it ever was. */
  readonly peak: number
  /** User and system time in seconds. */
  readonly cpu: number
}

export class BenchNode implements AsyncDisposable {
  readonly #vm: Vm
  #output = ''
  #ended: Promise<unknown> = Promise.resolve()
  #writes: () => Promise<number> = () => Promise.reject(new Error('nothing is counted'))

  private constructor(vm: Vm) {
    this.#vm = vm
  }

  /** @param directory files that it may read */
  static async boot(directory: string, object = NODE, memoryMiB = 3072): Promise<BenchNode> {
    const dist = join(directory, 'dist')
    const shares = [
      { path: directory, mode: 'ro' },
      { path: dist, mode: 'ro', cache: 'loose' },
    ] as const
    const vm = await bootVm({ name: object.name, memoryMiB, networks: [guestNetwork(object)], shares })
    const node = new BenchNode(vm)
    await node.sh(guestSetup(object))
    // As on a node whose image is on its disk: what is read from there is not measured.
    await node.sh(`find ${dist} -type f -exec cat {} + > /dev/null`)
    await node.sh(`ip link add ${MONITOR} type nlmon && ip link set ${MONITOR} up`)
    return node
  }

  /** Standard output of a command that has to succeed. */
  async sh(command: string): Promise<string> {
    const { stdout, stderr, code } = await this.#vm.run(command)
    if (code !== 0) throw new Error(`${command}: ${stderr || stdout}`)
    return stdout
  }

  /** Reads the program from the disk, so that this is not measured. */
  async warm(command: readonly string[]): Promise<void> {
    await this.#vm.run(command)
  }

  /** Starts the program; what it prints is kept for `output`. */
  run({ command, env }: Program): void {
    const shell = ['/bin/bash', '-c', 'echo $$ > /run/program.pid; exec "$@"', 'bash', ...command]
    this.#output = ''
    const keep = (data: Buffer) => {
      this.#output = (this.#output + data.toString()).slice(-4000)
    }
    const options = env ? { env: { PATH: process.env.PATH ?? '', ...env } } : {}
    const running = this.#vm.stream(shell, { onStdout: keep, onStderr: keep }, options)
    // The machine may end before the program does.
    this.#ended = running.catch(() => undefined)
  }

  get output(): string {
    return this.#output
  }

  /** Ends the program as a crash would. */
  async kill(): Promise<void> {
    await this.sh('kill -9 $(cat /run/program.pid)')
    await this.#ended
  }

  async usage(): Promise<Usage> {
    const text = await this.sh('cd /proc/$(cat /run/program.pid) && cat status stat')
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024
    const stat = text.trimEnd().split('\n').at(-1)!.split(') ').at(-1)!.split(' ')
    const cpu = (Number(stat[11]) + Number(stat[12])) / 100
    return { rss: field('VmRSS'), anonymous: field('RssAnon'), peak: field('VmHWM'), cpu }
  }

  /** What the machine with its kernel and all programs takes of the host. */
  machineTime(): MachineTime {
    return machineTime(this.#vm.processes)
  }

  /** Keeps the program from running, or lets it run again. */
  async pause(paused: boolean): Promise<void> {
    await this.sh(`kill -${paused ? 'STOP' : 'CONT'} $(cat /run/program.pid)`)
  }

  /** From now on what programs have the kernel change is counted; each change costs a little more then. */
  async countWrites(): Promise<void> {
    const stdin = new PassThrough()
    let text = ''
    let ready = () => {}
    const counting = new Promise<void>((resolve) => {
      ready = resolve
    })
    const keep = (data: Buffer) => {
      text += data.toString()
      ready()
    }
    const command = [await buildTools(), 'writes', MONITOR]
    const ended = this.#vm.stream(command, { onStdout: keep, onStderr: keep, stdin })
    this.#writes = async () => {
      stdin.end()
      const code = await ended
      if (code !== 0) throw new Error(`the writes were not counted: ${text}`)
      return Number(text.trim().split('\n').at(-1))
    }
    await Promise.race([counting, ended])
  }

  /** How many such changes there were since `countWrites`, which ends with this. */
  writes(): Promise<number> {
    return this.#writes()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vm.close()
    await this.#ended
  }
}
