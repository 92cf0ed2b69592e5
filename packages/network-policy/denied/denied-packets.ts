/**
 * Packets that policies do not allow: counted all of them, and some of each second shown with the names of pods and policies. The kernel
 * limits what it hands over, so that a flood costs this process nothing.
 */
import type { Direction } from '@podroute/cluster/objects/network-policy.ts'
import type { WatchPackets } from '@podroute/kernel/kernel.ts'
import type { NftApi } from '@podroute/kernel/nft/api.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { LOG_GROUP, LOGGED_BYTES } from '../kernel/table.ts'
import { type DeniedCount, DeniedCounts } from './denied-counts.ts'
import { type PacketEnds, readPacketEnds } from './packet.ts'

export interface DeniedPacket extends PacketEnds {
  /** Counts those that were shown. */
  readonly id: number
  /** Clock time, in milliseconds. */
  readonly at: number
  readonly direction: Direction
  /** `namespace/name` of who they belong to; empty: no pod that is known. */
  readonly from: string
  readonly to: string
  /** What decided, as it is known now. */
  readonly reason: string
}

export interface DeniedPacketsOptions {
  readonly nft: Pick<NftApi, 'counts' | 'writeElements'>
  readonly watchPackets: WatchPackets
  readonly clock: Clock
  readonly log: Logger
  isLocal(address: string): boolean
  /** Key of the pod that has an address. */
  nameOf(address: string): string
  reasonOf(direction: Direction, ends: PacketEnds): string
}

/** Milliseconds between two looks at the kernel's counters. */
const PAUSE = 10_000
const MOST_KEPT = 256

export class DeniedPackets implements Disposable {
  readonly #options: DeniedPacketsOptions
  readonly #counts: DeniedCounts
  readonly #recent: DeniedPacket[] = []
  #shown = 0
  #following: Disposable | undefined
  #timer: Disposable | undefined
  #disposed = false

  constructor(options: DeniedPacketsOptions) {
    this.#options = options
    this.#counts = new DeniedCounts(options.nft)
  }

  /** Counts and follows from now on. Another process that listens keeps only the names away. */
  start(): void {
    if (this.#timer || this.#disposed) return
    const { watchPackets, clock, log } = this.#options
    this.#timer = clock.after(PAUSE, () => void this.#round())
    try {
      this.#following = watchPackets(LOG_GROUP, LOGGED_BYTES, ({ prefix, payload }) =>
        this.#note(prefix === 'egress' ? 'egress' : 'ingress', payload),
      )
    } catch (error) {
      log.warn('dropped packets are counted, and cannot be shown', { error })
    }
  }

  /** The last ones, oldest first. @param after only those that were shown after this one */
  recent(after = 0): readonly DeniedPacket[] {
    return this.#recent.filter(({ id }) => id > after)
  }

  counts(): Iterable<DeniedCount> {
    return this.#counts.list()
  }

  get totals(): Readonly<Record<Direction, number>> {
    return this.#counts.totals
  }

  /** Reads the kernel's counters now. */
  read(): Promise<void> {
    return this.#counts.read((address) => this.#options.isLocal(address))
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#timer?.[Symbol.dispose]()
    this.#following?.[Symbol.dispose]()
  }

  async #round(): Promise<void> {
    await this.read()
    if (!this.#disposed) this.#timer = this.#options.clock.after(PAUSE, () => void this.#round())
  }

  #note(direction: Direction, payload: Uint8Array): void {
    const ends = readPacketEnds(payload)
    if (!ends) return
    const { clock, nameOf, reasonOf } = this.#options
    const [from, to] = [nameOf(ends.source), nameOf(ends.destination)]
    const reason = reasonOf(direction, ends)
    this.#recent.push({ ...ends, id: ++this.#shown, at: clock.now(), direction, from, to, reason })
    if (this.#recent.length > MOST_KEPT) this.#recent.shift()
  }
}
