/** The node of the service benchmarks: a virtual machine in which the agent or kube-proxy runs as a process, beside nothing else. */
import { join } from 'node:path'
import { bootVm, type Vm } from '../../lab/node/vm.ts'
import { GUEST_NETWORK, GUEST_SETUP } from './services-network.ts'

/** What of the kernel is called for each write: IPVS commands, nftables transactions, routes. */
const WRITES = [
  'ip_vs:ip_vs_genl_set_cmd',
  'nf_tables:nf_tables_commit',
  'inet_rtm_newroute',
  'inet_rtm_delroute',
]
const TRACING = '/sys/kernel/tracing'

/** A program of the node, started by `run`. */
export interface Program {
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What /proc says of the program. */
export interface Usage {
  /** MiB */
  readonly rss: number
  /** MiB; the most that it ever was. */
  readonly peak: number
  /** User and system time in seconds. */
  readonly cpu: number
}

export class BenchNode implements AsyncDisposable {
  readonly #vm: Vm
  #output = ''
  #ended: Promise<unknown> = Promise.resolve()

  private constructor(vm: Vm) {
    this.#vm = vm
  }

  /** @param directory files that it may read */
  static async boot(directory: string): Promise<BenchNode> {
    const dist = join(directory, 'dist')
    const shares = [
      { path: directory, mode: 'ro' },
      { path: dist, mode: 'ro', cache: 'loose' },
    ] as const
    const vm = await bootVm({ name: 'bench', memoryMiB: 3072, networks: [GUEST_NETWORK], shares })
    const node = new BenchNode(vm)
    await node.sh(GUEST_SETUP)
    // As on a node whose image is on its disk: what is read from there is not measured.
    await node.sh(`find ${dist} -type f -exec cat {} + > /dev/null`)
    await node.sh(`modprobe -a ip_vs ip_vs_rr nf_tables && mount -t tracefs none ${TRACING}
      printf 'p:w%d %s\\n' ${WRITES.map((name, index) => `${index} ${name}`).join(' ')} > ${TRACING}/kprobe_events`)
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
    return { rss: field('VmRSS'), peak: field('VmHWM'), cpu: (Number(stat[11]) + Number(stat[12])) / 100 }
  }

  /** From now on writes are counted; each costs a little more then. */
  async countWrites(): Promise<void> {
    await this.sh(`echo 1 > ${TRACING}/events/kprobes/enable`)
  }

  /** How many writes the kernel has seen while they were counted. */
  async writes(): Promise<number> {
    const lines = (await this.sh(`cat ${TRACING}/kprobe_profile`)).trim().split('\n')
    return lines.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[1]), 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vm.close()
    await this.#ended
  }
}
