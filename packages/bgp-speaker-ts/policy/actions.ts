// Applies a rule's actions to a path's attributes.
import type { Family } from '../config.ts'
import type { AsPathSegment, PathAttributes } from '../packet/attributes.ts'
import {
  formatLargeCommunity,
  type LargeCommunity,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
} from '../packet/communities.ts'
import type { Actions } from './policy.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Returns the attributes after `actions`. A next hop of `self` is left out: each session fills in its own. */
export function applyActions(attributes: PathAttributes, actions: Actions, family: Family): PathAttributes {
  const result: Mutable<PathAttributes> = { ...attributes }
  if (actions.localPref !== undefined) result.localPref = actions.localPref
  if (actions.med === null) {
    delete result.med
    delete result.medIsOurs
  } else if (actions.med !== undefined) {
    result.med = actions.med
    result.medIsOurs = true
  }
  if (actions.removeCommunities !== undefined) removeCommunities(result, actions.removeCommunities)
  if (actions.addCommunities !== undefined) addCommunities(result, actions.addCommunities)
  if (actions.prepend !== undefined)
    result.asPath = prepend(attributes.asPath ?? [], actions.prepend.asn, actions.prepend.times)
  if (actions.nextHop === 'self') delete result.nextHop
  else {
    const nextHop = family === 'ipv4-unicast' ? actions.nextHop?.ipv4 : actions.nextHop?.ipv6
    if (nextHop !== undefined) result.nextHop = nextHop
  }
  return result
}

export function prepend(
  path: readonly AsPathSegment[],
  asn: number,
  times: number,
): readonly AsPathSegment[] {
  const asns = new Array<number>(times).fill(asn)
  const [first, ...rest] = path
  if (first?.kind === 'sequence' && first.asns.length + times <= 255)
    return [{ kind: 'sequence', asns: [...asns, ...first.asns] }, ...rest]
  return times === 0 ? path : [{ kind: 'sequence', asns }, ...path]
}

function removeCommunities(result: Mutable<PathAttributes>, which: readonly string[] | 'all'): void {
  if (which === 'all') {
    delete result.communities
    delete result.largeCommunities
    return
  }
  const gone = new Set(which.map((text) => String(parseCommunity(text) ?? text)))
  if (result.communities !== undefined)
    result.communities = result.communities.filter((value) => !gone.has(String(value)))
  if (result.largeCommunities !== undefined)
    result.largeCommunities = result.largeCommunities.filter(
      (value) => !gone.has(formatLargeCommunity(value)),
    )
  const extended = new Set(which.map(parseExtendedCommunity))
  if (result.extendedCommunities !== undefined)
    result.extendedCommunities = result.extendedCommunities.filter((value) => !extended.has(value))
}

function addCommunities(result: Mutable<PathAttributes>, texts: readonly string[]): void {
  const standard = new Set(result.communities ?? [])
  const large = new Map(
    (result.largeCommunities ?? []).map((value) => [formatLargeCommunity(value), value] as const),
  )
  const extended = new Set(result.extendedCommunities ?? [])
  for (const text of texts) {
    const community = parseCommunity(text)
    const hex = parseExtendedCommunity(text)
    if (community !== undefined) standard.add(community)
    else if (hex !== undefined) extended.add(hex)
    else {
      const value: LargeCommunity | undefined = parseLargeCommunity(text)
      if (value !== undefined) large.set(text, value)
    }
  }
  if (standard.size > 0) result.communities = [...standard].sort((a, b) => a - b)
  if (large.size > 0) result.largeCommunities = [...large.values()]
  if (extended.size > 0) result.extendedCommunities = [...extended].sort()
}
