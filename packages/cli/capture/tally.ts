/** Counts what is captured, and says when it is enough. Pure. */
import type { Captured } from './captured.ts'
import type { Limits } from './options.ts'

export class Tally {
  readonly #limits: Limits
  packets = 0
  bytes = 0
  /** Packets that came faster than they were read. */
  lost = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get enough(): boolean {
    return this.packets >= this.#limits.count || this.bytes >= this.#limits.bytes
  }

  /** False: it is one too many. */
  take({ bytes }: Captured): boolean {
    if (this.enough) return false
    this.packets++
    this.bytes += bytes.length
    return true
  }

  get text(): string {
    const lost = this.lost > 0 ? `, ${this.lost} came too fast and are lost` : ''
    return `${this.packets} ${this.packets === 1 ? 'packet' : 'packets'}${lost}`
  }
}
