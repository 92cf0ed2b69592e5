// BIRD's and FRR's BFD as the tests see them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, NamespaceProcess, output, temporaryDirectory } from './daemon.ts'
import { startBfdd, startZebra } from './frr-process.ts'
import { ADDRESS, type Link } from './link.ts'

/** Milliseconds. */
export interface BfdTimers {
  readonly tx: number
  readonly rx: number
  readonly multiplier: number
}

/** The session as the other side sees it. */
export interface BfdView {
  /** `up`, or its own word for something else. */
  readonly state: string
  /** Milliseconds after which it gives us up. */
  readonly detection: number
}

export interface BfdDaemon {
  readonly name: string
  /** Starts with one session, with our address. */
  start(link: Link, family: 4 | 6, timers: BfdTimers): Promise<void>
  /** Changes the timers of the running session. */
  setTimers(timers: BfdTimers): Promise<void>
  view(): Promise<BfdView>
  /** The process that speaks BFD. */
  readonly pid: number
  stop(): Promise<void>
}

export class BirdBfd implements BfdDaemon {
  readonly name = 'BIRD'
  readonly #directory = temporaryDirectory('bird-bfd')
  readonly #config = join(this.#directory.path, 'bird.conf')
  #family: 4 | 6 = 4
  #process: NamespaceProcess | undefined

  async start(link: Link, family: 4 | 6, timers: BfdTimers): Promise<void> {
    this.#family = family
    this.#write(timers)
    this.#process = new NamespaceProcess(link.theirs, 'bird', [
      '-f',
      '-c',
      this.#config,
      '-s',
      this.#socket(),
    ])
    await eventually(
      () => this.#ask('show', 'status'),
      (text) => text.includes('Daemon is up'),
    )
  }

  async setTimers(timers: BfdTimers): Promise<void> {
    this.#write(timers)
    await this.#ask('configure')
  }

  /** `IP address  Interface  State  Since  Interval  Timeout`, the last two in seconds. */
  async view(): Promise<BfdView> {
    const text = await this.#ask('show', 'bfd', 'sessions')
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${ADDRESS.ours[this.#family]} `))
    const [, , state = 'none', , , timeout = '0'] = line?.trim().split(/\s+/) ?? []
    return { state: state.toLowerCase(), detection: Math.round(Number(timeout) * 1000) }
  }

  get pid(): number {
    return this.#process!.pid
  }

  async stop(): Promise<void> {
    await this.#process?.stop('SIGKILL')
    this.#directory.remove()
  }

  #write({ tx, rx, multiplier }: BfdTimers): void {
    const { ours, theirs } = ADDRESS
    writeFileSync(
      this.#config,
      `log stderr all; router id 10.99.0.2; protocol device {}
protocol bfd {
  interface "*" { min tx interval ${tx} ms; min rx interval ${rx} ms; multiplier ${multiplier}; };
  neighbor ${ours[this.#family]} dev "peer" local ${theirs[this.#family]};
}
`,
    )
  }

  #ask(...command: readonly string[]): Promise<string> {
    return output('birdc', ['-s', this.#socket(), ...command])
  }

  #socket(): string {
    return join(this.#directory.path, 'bird.ctl')
  }
}

/** bfdd, with the zebra that tells it about interfaces; both as Debian's user `frr`, on sockets of their own. */
export class FrrBfd implements BfdDaemon {
  readonly name = 'FRR'
  readonly #directory = temporaryDirectory('frr-bfd')
  #family: 4 | 6 = 4
  #zebra: NamespaceProcess | undefined
  #bfdd: NamespaceProcess | undefined

  async start(link: Link, family: 4 | 6, timers: BfdTimers): Promise<void> {
    this.#family = family
    this.#zebra = await startZebra(link, this.#directory.path)
    this.#bfdd = startBfdd(link, this.#directory.path, `bfd\n${this.#peer(timers).join('\n')}\n`)
    await eventually(
      () => this.view(),
      ({ state }) => state !== 'none',
    )
  }

  async setTimers(timers: BfdTimers): Promise<void> {
    await this.#ask('configure terminal', 'bfd', ...this.#peer(timers))
  }

  /** Holds the session administratively down, or lets it come up. */
  async shutdown(down: boolean): Promise<void> {
    await this.#ask('configure terminal', 'bfd', this.#name(), down ? 'shutdown' : 'no shutdown')
  }

  async view(): Promise<BfdView> {
    interface Peer {
      readonly status: string
      readonly 'receive-interval': number
      readonly 'remote-transmit-interval': number
      readonly 'remote-detect-multiplier': number
    }
    const [peer] = JSON.parse(await this.#ask('show bfd peers json')) as Peer[]
    if (peer === undefined) return { state: 'none', detection: 0 }
    const interval = Math.max(peer['receive-interval'], peer['remote-transmit-interval'])
    return { state: peer.status, detection: interval * peer['remote-detect-multiplier'] }
  }

  get pid(): number {
    return this.#bfdd!.pid
  }

  async stop(): Promise<void> {
    await this.#bfdd?.stop('SIGKILL')
    await this.#zebra?.stop('SIGKILL')
    this.#directory.remove()
  }

  #name(): string {
    return `peer ${ADDRESS.ours[this.#family]} local-address ${ADDRESS.theirs[this.#family]} interface peer`
  }

  #peer({ tx, rx, multiplier }: BfdTimers): string[] {
    return [
      this.#name(),
      `receive-interval ${rx}`,
      `transmit-interval ${tx}`,
      `detect-multiplier ${multiplier}`,
    ]
  }

  #ask(...commands: readonly string[]): Promise<string> {
    const args = commands.flatMap((command) => ['-c', command])
    return output('vtysh', ['--vty_socket', this.#directory.path, ...args])
  }
}
