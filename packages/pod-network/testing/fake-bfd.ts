/** BFD without packets: the test says which paths are up, and which fail. */
import { EventEmitter } from 'node:events'
import type { BfdDown } from 'bgp-speaker-ts/bfd/bfd.ts'
import type { BfdSessionConfig } from 'bgp-speaker-ts/bfd/config.ts'

export class FakeBfd extends EventEmitter<{ up: [peer: string]; down: [BfdDown] }> {
  readonly sessions = new Map<string, BfdSessionConfig>()
  readonly #up = new Set<string>()
  closed = false

  addSession(config: BfdSessionConfig): void {
    this.sessions.set(config.peer, config)
  }

  removeSession(peer: string): void {
    this.sessions.delete(peer)
    this.#up.delete(peer)
  }

  isUp(peer: string): boolean | undefined {
    return this.sessions.has(peer) ? this.#up.has(peer) : undefined
  }

  async close(): Promise<void> {
    this.closed = true
  }

  /** The path is there. */
  rise(peer: string): void {
    this.#up.add(peer)
    this.emit('up', peer)
  }

  /** Nothing comes from there any more. */
  fail(peer: string): void {
    this.#up.delete(peer)
    const diagnostic = 'control detection time expired'
    this.emit('down', { peer, reason: 'detection-expired', diagnostic })
  }
}
