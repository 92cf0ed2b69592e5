/** Routers that are not told of an announcement, as tags of it: export policies know them by their own name. Pure. */
import { type Cidr, cidr, contains } from '@podroute/address/cidr.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import type { Policy, PrefixMatch, Rule } from 'bgp-speaker-ts/policy/policy.ts'

/** @param told names of those that are told; undefined: all @param routers names of all */
export function notTold(told: readonly string[] | undefined, routers: readonly string[]): string[] {
  return told ? routers.filter((router) => !told.includes(router)).map(tagOf) : []
}

/** Keeps from a router what it is not to be told. */
export function onlyTold(router: string): Rule {
  return { name: 'for-other-routers', match: { tags: [tagOf(router)] }, verdict: 'reject' }
}

function tagOf(router: string): string {
  return `not ${router}`
}

/**
 * Whether an export policy lets an announcement of our own out, by its tags and its prefix: no policy here looks at anything else of
 * what the node itself announces.
 */
export function letsOut({ rules, otherwise }: Policy, { prefix, tags = [] }: Announcement): boolean {
  const own = cidr(prefix)
  const decides = ({ match, verdict }: Rule) =>
    verdict !== 'next' &&
    (match?.tags === undefined || match.tags.some((tag) => tags.includes(tag))) &&
    (match?.prefixes === undefined || match.prefixes.some((outer) => holds(outer, own)))
  return (rules.find(decides)?.verdict ?? otherwise) === 'accept'
}

function holds({ prefix, minLength, maxLength }: PrefixMatch, own: Cidr): boolean {
  const outer = cidr(prefix)
  const least = minLength ?? outer.length
  return contains(outer, own) && own.length >= least && own.length <= (maxLength ?? least)
}
