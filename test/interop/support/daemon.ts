// Another BGP implementation as the tests see it, and how its process is run.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Role } from 'bgp-speaker-ts/config/roles.ts'
import type { Link } from './link.ts'

/** What the other side is told to be. */
export interface Scenario {
  readonly theirAsn: number
  readonly ourAsn: number
  /** Family of the session's addresses. */
  readonly over: 4 | 6
  readonly password?: string
  readonly ttlSecurity?: boolean
  /** Prefixes that it announces, with community 65000:100, large community 65000:1:2 and the route target 65000:5. */
  readonly announce: readonly string[]
  readonly maxPrefixes?: number
  /** Seconds of its graceful restart; absent: none. */
  readonly gracefulRestart?: number
  /** Seconds that its routes may be kept after that (RFC 9494); absent: no longer. */
  readonly longLived?: number
  /** We are its route reflector client (RFC 4456). */
  readonly reflector?: boolean
  /** Its cluster ID; its router ID when absent. */
  readonly clusterId?: string
  /** Several paths to a prefix, in both directions (RFC 7911). */
  readonly addPath?: boolean
  readonly bfd?: boolean
  /** What it is to us (RFC 9234). */
  readonly role?: Role
  /** It refuses us unless we say our role. */
  readonly roleStrict?: boolean
  /** IPv4 with IPv6 next hops (RFC 8950). */
  readonly extendedNextHop?: boolean
  /** It follows one that was killed, and has kept its forwarding state (RFC 4724). */
  readonly restarting?: boolean
  /** More speakers, which connect to it over IPv4; it tells all of them everything. */
  readonly neighbors?: readonly Neighbor[]
}

export interface Neighbor {
  readonly address: string
  readonly asn: number
  /** A route reflector client of it. */
  readonly client?: boolean
}

/** Its own router ID. */
export const THEIR_ID = '10.99.0.2'

/** A route that it has from us. */
export interface TheirRoute {
  readonly prefix: string
  readonly nextHop: string
  readonly asPath: readonly number[]
  /** Of all kinds: `64512:7`, `64512:8:9`, and `rt 64512:100` for extended ones. */
  readonly communities: readonly string[]
  readonly stale?: boolean
  /** RFC 4456; absent where the other side does not show it. */
  readonly originatorId?: string
  readonly clusterList?: readonly string[]
}

export interface Daemon {
  readonly name: string
  start(link: Link, scenario: Scenario): Promise<void>
  /** Routes learned from us, both families. */
  routes(): Promise<readonly TheirRoute[]>
  /** Asks us for everything again, in both families; absent: it never does. */
  refresh?(): Promise<void>
  /** Ends the session for good; SIGKILL: as in a crash, whoever follows may be a restart of it. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

const run = promisify(execFile)

/** Runs a program to its end; its standard output. */
export async function output(file: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(file, args, { maxBuffer: 64 << 20 })
  return stdout
}

export function temporaryDirectory(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A program in a namespace; what it printed is shown when it ends by itself. */
export class NamespaceProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #text = ''
  #stopping = false

  constructor(netns: string, file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn('ip', ['netns', 'exec', netns, file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
    })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#text = (this.#text + text).slice(-65536)
        this.onText?.(text)
      })
    }
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        if (!this.#stopping) process.stderr.write(`${file} ended by itself (${code}):\n${this.#text}\n`)
        resolve()
      })
    })
  }

  onText: ((text: string) => void) | undefined

  get text(): string {
    return this.#text
  }

  get pid(): number {
    return this.#child.pid!
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#stopping = true
    this.#child.kill(signal)
    const cut = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
    await this.#ended
    clearTimeout(cut)
  }
}

/** Asks until the answer is one that `holds`. @throws the last answer or error after `timeout` ms */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  holds: (answer: T) => boolean,
  timeout = 20_000,
): Promise<T> {
  const end = performance.now() + timeout
  for (;;) {
    let last: unknown
    try {
      const answer = await ask()
      if (holds(answer)) return answer
      last = JSON.stringify(answer)
    } catch (error) {
      last = error
    }
    if (performance.now() > end) throw new Error(`not within ${timeout} ms; last: ${last}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
