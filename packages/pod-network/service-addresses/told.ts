/** Routers that are not told of an announcement, as tags of it: export policies know them by their own name. Pure. */
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import type { Policy, Rule } from 'bgp-speaker-ts/policy/policy.ts'

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
 * Whether an export policy lets an announcement of our own out, by its tags: no policy here looks at anything else of what the
 * node itself announces.
 */
export function letsOut({ rules, otherwise }: Policy, { tags = [] }: Announcement): boolean {
  const decides = ({ match, verdict }: Rule) =>
    verdict !== 'next' && (match?.tags === undefined || match.tags.some((tag) => tags.includes(tag)))
  return (rules.find(decides)?.verdict ?? otherwise) === 'accept'
}
