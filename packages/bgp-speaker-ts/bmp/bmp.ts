// The public API of BMP (RFC 7854): tells collectors of the speaker's sessions and of what its peers send.
import type { Family } from '../config.ts'
import { BgpConfigError, BgpError } from '../errors.ts'
import type { EndReason } from '../peer/fsm/fsm-state.ts'
import type { RibObserver } from '../rib/rib-observer.ts'
import type { Source } from '../rib/source.ts'
import type { Speaker } from '../speaker.ts'
import { Collector, type CollectorSnapshot } from './collector.ts'
import { type BmpOptions, type CollectorConfig, checkCollector, nameOf } from './config.ts'
import type { ObservedSession, ObservedSpeaker, SpeakerObserver } from './observer.ts'

/**
 * `const bmp = new Bmp(speaker, { sysName: 'router-1' }); bmp.addCollector({ address, port })`. Made before the speaker starts, so that it has
 * the OPENs of all sessions. While no collector is connected it follows no routes.
 */
export class Bmp implements SpeakerObserver, RibObserver {
  readonly #options: BmpOptions
  readonly #speaker: ObservedSpeaker
  readonly #collectors = new Map<string, Collector>()
  /** Those that are connected. */
  #connected: readonly Collector[] = []
  #closed = false

  constructor(speaker: Speaker, options: BmpOptions) {
    this.#options = options
    this.#speaker = speaker.observe(this)
  }

  /** Connects to a collector, and again whenever that ends. @throws BgpConfigError on a bad or a second configuration of one address and port */
  addCollector(config: CollectorConfig): void {
    if (this.#closed) throw new BgpError('closed', 'BMP is closed')
    checkCollector(config)
    const name = nameOf(config)
    if (this.#collectors.has(name))
      throw new BgpConfigError([{ path: 'address', problem: `there is a collector ${name} already` }])
    this.#collectors.set(name, new Collector(config, this.#options, this.#speaker, () => this.#follow()))
  }

  /** Tells a collector that it is over, and closes the connection. Ignores one that there is none of. */
  async removeCollector(at: Pick<CollectorConfig, 'address' | 'port'>): Promise<void> {
    const collector = this.#collectors.get(nameOf(at))
    this.#collectors.delete(nameOf(at))
    await collector?.close()
  }

  collectors(): readonly CollectorSnapshot[] {
    return [...this.#collectors.values()].map((collector) => collector.snapshot())
  }

  /** Closes the connections to all collectors. Where the speaker ends too: after that, so that they are told why its sessions end. */
  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#collectors.values()]
    this.#collectors.clear()
    await Promise.all(all.map((collector) => collector.close()))
  }

  // As the observer of the speaker:

  sessionUp(session: ObservedSession): void {
    for (const collector of this.#connected) collector.sessionUp(session)
  }

  sessionDown(session: ObservedSession, reason: EndReason): void {
    for (const collector of this.#connected) collector.sessionDown(session, reason)
  }

  endOfRib(session: ObservedSession, family: Family): void {
    for (const collector of this.#connected) collector.endOfRib(session, family)
  }

  changed(source: Source, family: Family, prefix: number, pathId: number): void {
    for (const collector of this.#connected) collector.changed(source, family, prefix, pathId)
  }

  holds(family: Family, prefix: number): boolean {
    return this.#connected.some((collector) => collector.holds(family, prefix))
  }

  /** Routes are followed while a collector is connected only. */
  #follow(): void {
    this.#connected = [...this.#collectors.values()].filter(({ isConnected }) => isConnected)
    this.#speaker.rib.observe(this.#connected.length === 0 ? undefined : this)
  }
}
