// One speaker on an in-memory network with a fake clock: everything happens at the test's command.
import type { PeerConfig, SpeakerConfig } from '../config.ts'
import type { BestPathChange, PeerEvent } from '../snapshot.ts'
import { Speaker } from '../speaker.ts'
import { FakeClock } from './fake-clock.ts'
import { MemoryNetwork } from './memory-network.ts'
import { RawPeer, type RawPeerOptions } from './raw-peer.ts'

export const SPEAKER = '10.0.0.1'
export const ASN = 64512

export class Bench {
  readonly clock = new FakeClock()
  readonly network = new MemoryNetwork(this.clock)
  readonly speaker: Speaker
  readonly events: PeerEvent[] = []
  /** Best next hop by prefix, collected from the events. */
  readonly best = new Map<string, string | undefined>()
  readonly changes: BestPathChange[] = []

  constructor(config: Partial<SpeakerConfig> = {}) {
    this.speaker = new Speaker({
      asn: ASN,
      routerId: SPEAKER,
      listen: { addresses: [SPEAKER], port: 179 },
      transport: this.network.transport(SPEAKER),
      clock: this.clock,
      random: () => 0,
      ...config,
    })
    this.speaker.on('peer', (event) => void this.events.push(event))
    this.speaker.on('best', (changes) => {
      this.changes.push(...changes)
      for (const { prefix, best } of changes) {
        if (best === undefined) this.best.delete(prefix)
        else this.best.set(prefix, best.nextHop)
      }
    })
  }

  static async started(config: Partial<SpeakerConfig> = {}): Promise<Bench> {
    const bench = new Bench(config)
    await bench.speaker.start()
    bench.clock.settle()
    return bench
  }

  /** Adds a passive peer to the speaker and returns its other end, which is not connected yet. */
  peer(options: Partial<RawPeerOptions> = {}, config: Partial<PeerConfig> = {}): RawPeer {
    const raw = this.raw(options)
    this.speaker.addPeer({
      address: raw.options.address,
      asn: raw.options.asn,
      families: ['ipv4-unicast', 'ipv6-unicast'],
      nextHop: { ipv6: 'fd00::1' },
      passive: true,
      ...config,
    })
    this.clock.settle()
    return raw
  }

  /** A peer's other end that the speaker has no configuration for. */
  raw(options: Partial<RawPeerOptions> = {}): RawPeer {
    return new RawPeer(this.network, { address: '10.0.0.2', asn: 64513, speaker: SPEAKER, ...options })
  }

  /** Prefixes with a best path, sorted. */
  prefixes(): string[] {
    this.clock.settle()
    return [...this.best.keys()].sort()
  }

  downs(): readonly PeerEvent[] {
    return this.events.filter(({ kind }) => kind === 'down')
  }

  async close(): Promise<void> {
    const closed = this.speaker.close()
    this.clock.advance(2000)
    await closed
  }
}
