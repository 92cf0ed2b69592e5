// A routing table like the Internet's as UPDATE messages: about five prefixes to a message, mostly distinct attributes.
import { encodeMessage } from 'bgp-speaker-ts/packet/message.ts'
import { Random } from 'bgp-speaker-ts/testing/random.ts'
import { type IpFamily, meshPrefix, peerAddress, peerAsn } from './bgp-scenario.ts'

const SEED = 20260801
const PER_MESSAGE = 5

/** The messages of one peer, one after the other: `count` prefixes from the one with the number `first` on. */
export function tableMessages(count: number, sender: number, family: IpFamily, first = 0): Uint8Array {
  const random = new Random(SEED + sender)
  const messages: Uint8Array[] = []
  for (let at = 0; at < count; ) {
    const size = Math.min(count - at, 1 + random.below(2 * PER_MESSAGE - 1))
    const prefixes = Array.from({ length: size }, () => prefixText(first + at++, family))
    messages.push(announcement(prefixes, attributes(random, sender), sender, family))
  }
  return Buffer.concat(messages)
}

/** What a peer of a mesh says of its own prefix. */
export function meshRoute(index: number, family: IpFamily): Uint8Array {
  return plainRoute(meshPrefix(index, family), index, family)
}

/** One prefix with nothing but what is mandatory. */
export function plainRoute(prefix: string, sender: number, family: IpFamily): Uint8Array {
  const asPath = [{ kind: 'sequence' as const, asns: [peerAsn(sender)] }]
  return announcement([prefix], { origin: 'igp', asPath }, sender, family)
}

export function prefixText(index: number, family: IpFamily): string {
  // Scattered by a multiplier that is odd, so that no two are the same: over 128.0.0.0 to 191.255.255.0 and over 2a00::/10.
  const scattered = (index * 2_654_435 + 12_345) % (64 << 16)
  if (family === 'ipv6')
    return `2a${hex(scattered >>> 16)}:${(scattered & 0xffff).toString(16)}:${(index & 0xfff).toString(16)}::/48`
  return `${128 + (scattered >>> 16)}.${(scattered >>> 8) & 255}.${scattered & 255}.0/24`
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
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
    ...(random.below(3) === 0 ? { med: random.below(1000) } : {}),
    ...(communities.length === 0 ? {} : { communities }),
  }
}

function announcement(
  prefixes: readonly string[],
  attributes: object,
  sender: number,
  family: IpFamily,
): Uint8Array {
  const nlri = prefixes.map((prefix) => ({ prefix }))
  const nextHop = peerAddress(sender, family)
  if (family === 'ipv4')
    return encodeMessage({ kind: 'update', withdrawn: [], attributes: { ...attributes, nextHop }, nlri })
  const mpReach = { afi: 2, safi: 1, nextHop, nlri }
  return encodeMessage({ kind: 'update', withdrawn: [], attributes, nlri: [], mpReach })
}
