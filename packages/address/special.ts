/** Special-purpose ranges, which mean something else than one host in a network (IANA's registries, RFC 6890). */
import { parsePrefix } from './address.ts'
import { type Cidr, cidrOf, contains, overlaps } from './cidr.ts'

export type SpecialPurpose =
  | 'this-network'
  | 'loopback'
  | 'link-local'
  | 'multicast'
  | 'broadcast'
  | 'reserved'
  | 'unspecified'
  | 'ipv4-mapped'

export interface SpecialRange {
  readonly purpose: SpecialPurpose
  readonly prefix: Cidr
  /** `RFC 1122 section 3.2.1.3` */
  readonly source: string
}

const range = (purpose: SpecialPurpose, prefix: string, source: string): SpecialRange => ({
  purpose,
  prefix: cidrOf(parsePrefix(prefix)),
  source,
})

/** A range stands before the reserved one that it lies in. */
export const SPECIAL_RANGES: readonly SpecialRange[] = [
  range('this-network', '0.0.0.0/8', 'RFC 791 section 3.2'),
  range('loopback', '127.0.0.0/8', 'RFC 1122 section 3.2.1.3'),
  range('link-local', '169.254.0.0/16', 'RFC 3927'),
  range('multicast', '224.0.0.0/4', 'RFC 5771'),
  range('broadcast', '255.255.255.255/32', 'RFC 919 section 7'),
  range('reserved', '240.0.0.0/4', 'RFC 1112 section 4'),
  range('unspecified', '::/128', 'RFC 4291 section 2.5.2'),
  range('loopback', '::1/128', 'RFC 4291 section 2.5.3'),
  range('ipv4-mapped', '::ffff:0:0/96', 'RFC 4291 section 2.5.5.2'),
  range('link-local', 'fe80::/10', 'RFC 4291 section 2.5.6'),
  range('multicast', 'ff00::/8', 'RFC 4291 section 2.7'),
  // IPv4-compatible addresses, and all around them that nobody was given.
  range('reserved', '::/16', 'RFC 4291 section 2.5.5.1; IANA: 0000::/8 is reserved by IETF'),
]

/** The first special range that has an address in common with the prefix. */
export function specialRange(prefix: Cidr): SpecialRange | undefined {
  return SPECIAL_RANGES.find((special) => overlaps(special.prefix, prefix))
}

/** Ranges that some networks use as any other, and Linux routes: 169.254.0.0/16 and 240.0.0.0/4. */
const ROUTED: readonly SpecialRange[] = SPECIAL_RANGES.filter(
  ({ purpose, prefix }) => prefix.family === 4 && (purpose === 'link-local' || purpose === 'reserved'),
)

/** Whether hosts may have the addresses of this prefix: it has none in common with a special range, but for those two. */
export function isUnicast(prefix: Cidr): boolean {
  return SPECIAL_RANGES.every((special) => ROUTED.includes(special) || !overlaps(special.prefix, prefix))
}

/** Ranges for use inside networks of one's own, which others have as well. */
const PRIVATE: readonly Cidr[] = [
  // RFC 1918; RFC 6598; RFC 4193.
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'],
].map((text) => cidrOf(parsePrefix(text)))

export function isPrivateUse(prefix: Cidr): boolean {
  return PRIVATE.some((range) => contains(range, prefix))
}
