/** Prefixes that lie in others: an nftables set of intervals takes no two that overlap. */
import { familyOf } from './address.ts'
import { type Cidr, cidrOf, hostCidr, parseCidr } from './cidr.ts'

/**
 * Of `items`, those whose prefix lies in no other one's, each prefix once. `textOf` gives a canonical prefix, or an address for
 * a prefix of full length. Nothing is parsed while all prefixes of a family have one length, as those of Nodes have.
 */
export function outermost<T>(items: Iterable<T>, textOf: (item: T) => string): T[] {
  const byText = new Map([...items].map((item) => [textOf(item), item]))
  const lengths = new Set([...byText.keys()].map(familyAndLength))
  const families = new Set([...lengths].map((entry) => entry[0]))
  if (lengths.size === families.size) return [...byText.values()]
  const prefixes = new Map([...byText].flatMap(([text, item]) => entryOf(text, item)))
  const inUse = [...new Set([...prefixes.values()].map(({ prefix }) => prefix.length))]
  const isCovered = (prefix: Cidr) =>
    inUse.some((shorter) => shorter < prefix.length && prefixes.has(cidrOf(prefix, shorter).text))
  return [...prefixes.values()].filter(({ prefix }) => !isCovered(prefix)).map(({ item }) => item)
}

/** `4/24`, `6` for an address. */
function familyAndLength(text: string): string {
  const slash = text.indexOf('/')
  return familyOf(text) + (slash === -1 ? '' : text.slice(slash))
}

function entryOf<T>(text: string, item: T): [string, { prefix: Cidr; item: T }][] {
  const prefix = text.includes('/') ? parseCidr(text) : hostCidr(text)
  return prefix ? [[prefix.text, { prefix, item }]] : []
}
