/** What a router outside the cluster may tell: an allow list, and what no router is believed whatever the list says. */
import { width } from '@podroute/address/address.ts'
import { type Cidr, cidr, cidrOf } from '@podroute/address/cidr.ts'
import { SPECIAL_RANGES, type SpecialRange } from '@podroute/address/special.ts'
import type { Policy, PrefixMatch, Rule } from 'bgp-speaker-ts/policy/policy.ts'
import type { AcceptedPrefix, AcceptRoutes } from '../settings.ts'
import { accept, reject, within } from './policy.ts'

/** Of one link only. Clouds answer at 169.254.169.254 with the credentials of the node. */
const LINK_LOCAL = SPECIAL_RANGES.filter((special) => special.purpose === 'link-local').map(prefixOf)

/** All other ranges that no host outside has. */
const MARTIANS = SPECIAL_RANGES.filter((special) => special.purpose !== 'link-local').map(prefixOf)

/** Shorter prefixes than these are no network of anybody's, but most of the Internet. */
const LEAST_LENGTH = { 4: 8, 6: 16 } as const

const DEFAULT_ROUTES: readonly PrefixMatch[] = [{ prefix: '0.0.0.0/0' }, { prefix: '::/0' }]

/**
 * Rules that depend on the configuration alone. What the cluster itself has is judged where it is known, by `ClusterRanges`, so that
 * a Node that comes or goes changes no policy.
 */
export function externalImport(acceptRoutes: AcceptRoutes): Policy {
  if (acceptRoutes === false) return { rules: [reject('not-accepted')], otherwise: 'reject' }
  const rules: readonly Rule[] = [
    reject('martian', { prefixes: MARTIANS.map(within) }),
    reject('link-local', { prefixes: LINK_LOCAL.map(within) }),
    accept('named', { prefixes: namedPrefixes(acceptRoutes).map(({ text }) => ({ prefix: text })) }),
    reject('default-route', { prefixes: DEFAULT_ROUTES }),
    reject('too-short', { prefixes: DEFAULT_ROUTES.map(upToLeast) }),
    reject('covers-link-local', { prefixes: LINK_LOCAL.flatMap(ancestors) }),
  ]
  if (acceptRoutes === true) return { rules, otherwise: 'accept' }
  const listed = accept('listed', { prefixes: acceptRoutes.map(match) })
  return { rules: [...rules, listed, reject('not-accepted')], otherwise: 'reject' }
}

/**
 * Prefixes that stand in the list themselves. The operator means exactly these: they may be as short as the default route, and cover
 * what the cluster has, whose own routes are more specific.
 */
export function namedPrefixes(acceptRoutes: AcceptRoutes): Cidr[] {
  if (typeof acceptRoutes === 'boolean') return []
  return acceptRoutes.filter((entry) => entry.minLength <= entry.prefix.length).map((entry) => entry.prefix)
}

function prefixOf({ prefix }: SpecialRange): Cidr {
  return prefix
}

function match({ prefix, minLength, maxLength }: AcceptedPrefix): PrefixMatch {
  return { prefix: prefix.text, minLength, maxLength }
}

function upToLeast({ prefix }: PrefixMatch): PrefixMatch {
  const least = LEAST_LENGTH[cidr(prefix).family]
  return { prefix, minLength: 1, maxLength: least - 1 }
}

/** The prefixes that cover this one. */
function ancestors(prefix: Cidr): PrefixMatch[] {
  const lengths = Array.from({ length: prefix.length }, (_, length) => length)
  return lengths.map((length) => ({ prefix: cidrOf(prefix, length).text }))
}

/** An entry of the list as it is meant: without lengths the prefix itself, with one of them a range up or down to the other end. */
export function acceptedPrefix(
  prefix: Cidr,
  {
    minLength,
    maxLength,
  }: { readonly minLength?: number | undefined; readonly maxLength?: number | undefined },
): AcceptedPrefix {
  const open = minLength === undefined ? prefix.length : width(prefix.family)
  return { prefix, minLength: minLength ?? prefix.length, maxLength: maxLength ?? open }
}
