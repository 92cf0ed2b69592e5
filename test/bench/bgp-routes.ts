// A routing table like the Internet's as UPDATE messages: about five prefixes to a message, mostly distinct attributes.
import { encodeMessage } from 'bgp-speaker-ts/packet/message.ts'
import { Random } from 'bgp-speaker-ts/testing/random.ts'
import { peerAddress, peerAsn } from './bgp-scenario.ts'

const SEED = 20260801
const PER_MESSAGE = 5

/** The messages of one peer, one after the other. */
export function tableMessages(count: number, sender: number): Uint8Array {
  const random = new Random(SEED)
  const messages: Uint8Array[] = []
  for (let at = 0; at < count; ) {
    const nlri = Array.from({ length: Math.min(count - at, 1 + random.below(2 * PER_MESSAGE - 1)) }, () => ({
      prefix: prefixText(at++),
    }))
    messages.push(
      encodeMessage({ kind: 'update', withdrawn: [], attributes: attributes(random, sender), nlri }),
    )
  }
  return Buffer.concat(messages)
}

export function prefixText(index: number): string {
  // Scattered over 128.0.0.0 to 191.255.255.0 by a multiplier that is odd, so that no two are the same.
  const scattered = (index * 2_654_435 + 12_345) % (64 << 16)
  return `${128 + (scattered >>> 16)}.${(scattered >>> 8) & 255}.${scattered & 255}.0/24`
}

function attributes(random: Random, sender: number) {
  const asns = [
    peerAsn(sender),
    ...Array.from({ length: 1 + random.below(5) }, () => 1000 + random.below(60_000)),
  ]
  const communities = Array.from({ length: random.below(6) }, () => 1000 * 65536 + random.below(1 << 24))
  return {
    origin: random.below(5) === 0 ? ('incomplete' as const) : ('igp' as const),
    asPath: [{ kind: 'sequence' as const, asns }],
    nextHop: peerAddress(sender),
    ...(random.below(3) === 0 ? { med: random.below(1000) } : {}),
    ...(communities.length === 0 ? {} : { communities }),
  }
}
