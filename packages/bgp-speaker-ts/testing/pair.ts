// Speakers on loopback addresses: real TCP; tests wait for events, never for time.
import type { PeerConfig, SpeakerConfig } from '../config.ts'
import type { BestPathChange, PeerEvent } from '../snapshot.ts'
import { Speaker } from '../speaker.ts'

export interface TestSpeaker {
  readonly speaker: Speaker
  readonly address: string
  readonly port: number
  readonly events: PeerEvent[]
  /** Best next hop by prefix, collected from the events. */
  readonly best: Map<string, string | undefined>
}

/** Starts a speaker that listens on `address` and any port. */
export async function makeSpeaker(
  address: string,
  config: Partial<SpeakerConfig> & { asn: number },
): Promise<TestSpeaker> {
  const speaker = new Speaker({ routerId: address, ...config, listen: { addresses: [address], port: 0 } })
  const events: PeerEvent[] = []
  const best = new Map<string, string | undefined>()
  speaker.on('peer', (event) => void events.push(event))
  speaker.on('best', (changes: readonly BestPathChange[]) => {
    for (const { prefix, best: path } of changes) {
      if (path === undefined) best.delete(prefix)
      else best.set(prefix, path.nextHop)
    }
  })
  await speaker.start()
  return { speaker, address, port: speaker.listening()[0]!.port, events, best }
}

/** Makes two speakers peers of each other; `a` connects. */
export function connect(
  a: TestSpeaker,
  b: TestSpeaker,
  options: { a?: Partial<PeerConfig>; b?: Partial<PeerConfig> } = {},
): void {
  const common = { families: ['ipv4-unicast', 'ipv6-unicast'] as const }
  b.speaker.addPeer({
    ...common,
    address: a.address,
    asn: a.speaker.config.asn,
    port: a.port,
    localAddress: b.address,
    passive: true,
    ...options.b,
  })
  a.speaker.addPeer({
    ...common,
    address: b.address,
    asn: b.speaker.config.asn,
    port: b.port,
    localAddress: a.address,
    ...options.a,
  })
}

/** Resolves when `holds` returns true; it is called after every event of the speakers. */
export async function until(
  speakers: readonly TestSpeaker[],
  holds: () => boolean,
  timeout = 5000,
): Promise<void> {
  if (holds()) return
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      stop()
      reject(new Error(`not within ${timeout} ms: ${holds}`))
    }, timeout)
    const look = () => {
      if (!holds()) return
      stop()
      resolve()
    }
    const stop = () => {
      clearTimeout(timer)
      for (const { speaker } of speakers) speaker.off('peer', look).off('best', look)
    }
    for (const { speaker } of speakers) speaker.on('peer', look).on('best', look)
  })
}

export async function closeAll(...speakers: readonly TestSpeaker[]): Promise<void> {
  await Promise.all(speakers.map(({ speaker }) => speaker.close()))
}
