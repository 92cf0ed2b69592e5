/** Connections that stay, each of which asks twice a second, from a process in a network namespace. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface Lasted {
  readonly answered: number
  /** Why each connection that did not last ended, and when. */
  readonly lost: readonly string[]
}

export class LastingConnections {
  readonly #child: ChildProcess
  readonly #said: Promise<string>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#said = text(child.stdout!)
  }

  /** Resolves when all of them are open and have had an answer. */
  static async open(
    netns: string,
    address: string,
    port: number,
    count: number,
  ): Promise<LastingConnections> {
    const script = new URL('lasting-connections-process.ts', import.meta.url).pathname
    const command = ['netns', 'exec', netns, process.execPath, script, address, String(port), String(count)]
    const child = spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] })
    const connections = new LastingConnections(child)
    const [event] = await Promise.race([
      once(child.stderr!, 'data').then((data) => [String(data)]),
      once(child, 'close').then(() => ['it ended']),
    ])
    if (event?.trim() !== 'open') throw new Error(`connections that last to ${address}: ${event}`)
    return connections
  }

  async end(): Promise<Lasted> {
    this.#child.kill('SIGTERM')
    return JSON.parse(await this.#said) as Lasted
  }
}
