/** BFD of this node: its thread starts with the first peer whose path is watched, and what was heard of each path is kept for people. */
import { EventEmitter } from 'node:events'
import type { Bfd, BfdDown } from 'bgp-speaker-ts/bfd/bfd.ts'
import type { BfdSessionConfig } from 'bgp-speaker-ts/bfd/config.ts'
import { canonicalAddress } from 'bgp-speaker-ts/peer-name.ts'

/** What is used of the library's. */
export type BfdThread = Pick<Bfd, 'addSession' | 'removeSession' | 'isUp' | 'close'> & {
  on(event: 'up', heard: (peer: string) => void): unknown
  on(event: 'down', heard: (down: BfdDown) => void): unknown
}

export interface PathState {
  readonly state: 'up' | 'down'
  /** Times that it went down, for whatever reason. */
  readonly downs: number
  /** Why it went down last; undefined: it never did. */
  readonly lastDown: string | undefined
}

interface Path {
  downs: number
  lastDown: string | undefined
}

export class BfdMonitor extends EventEmitter<{ down: [BfdDown] }> implements AsyncDisposable {
  readonly #create: () => BfdThread
  readonly #paths = new Map<string, Path>()
  #thread: BfdThread | undefined

  constructor(create: () => BfdThread) {
    super()
    this.#create = create
    // One for each speaker that there was: a node becomes another one to its peers now and then.
    this.setMaxListeners(0)
  }

  addSession(config: BfdSessionConfig): void {
    this.#thread ??= this.#start()
    this.#thread.addSession(config)
    this.#paths.set(canonicalAddress(config.peer), { downs: 0, lastDown: undefined })
  }

  removeSession(peer: string): void {
    this.#paths.delete(canonicalAddress(peer))
    this.#thread?.removeSession(peer)
  }

  /** Undefined while the path to the peer is not watched. */
  stateOf(peer: string): PathState | undefined {
    const path = this.#paths.get(canonicalAddress(peer))
    return path && { state: this.#thread?.isUp(peer) === true ? 'up' : 'down', ...path }
  }

  /** Whether the path to anybody is watched. */
  get watches(): boolean {
    return this.#paths.size > 0
  }

  /** Tells every neighbour that the end is meant (AdminDown, RFC 5882 section 4.2: no failure), and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.close()
  }

  #start(): BfdThread {
    const thread = this.#create()
    thread.on('down', (down) => {
      const path = this.#paths.get(canonicalAddress(down.peer))
      if (path) {
        path.downs++
        path.lastDown = down.reason === 'thread-ended' ? 'the thread ended' : down.diagnostic
      }
      this.emit('down', down)
    })
    return thread
  }
}
