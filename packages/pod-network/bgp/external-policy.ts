/** What a router outside the cluster may tell: an allow list, and what no router is believed whatever the list says. */
import { width } from '@podroute/address/address.ts'
import { type Cidr, cidr, cidrOf } from '@podroute/address/cidr.ts'
import { SPECIAL_RANGES, type SpecialRange } from '@podroute/address/special.ts'
import type { Match, Policy, PrefixMatch, Rule } from 'bgp-speaker-ts/policy/policy.ts'
import type { AcceptEntry, AcceptedPrefix, RouteMatch } from '../routers/router-settings.ts'
import type { AcceptRoutes } from '../settings.ts'
import { accept, reject, within } from './policy.ts'

/** Of one link only. Clouds answer at 169.254.169.254 with the credentials of the node. */
const LINK_LOCAL = SPECIAL_RANGES.filter((special) => special.purpose === 'link-local').map(prefixOf)

/** All other ranges that no host outside has. */
const MARTIANS = SPECIAL_RANGES.filter((special) => special.purpose !== 'link-local').map(prefixOf)

/** Shorter prefixes than these are no network of anybody's, but most of the Internet. */
const LEAST_LENGTH = { 4: 8, 6: 16 } as const

const DEFAULT_ROUTES: readonly PrefixMatch[] = [{ prefix: '0.0.0.0/0' }, { prefix: '::/0' }]

/** What is taken of a router beside `acceptRoutes`. */
export interface RouterImport {
  readonly accept?: readonly AcceptEntry[]
  readonly reject?: readonly RouteMatch[]
  readonly localPreference?: number
}

/**
 * Rules that depend on the configuration alone. What the cluster itself has is judged where it is known, by `ClusterRanges`, so that
 * a Node that comes or goes changes no policy.
 */
export function externalImport(acceptRoutes: AcceptRoutes, more: RouterImport = {}): Policy {
  const entries = entriesOf(acceptRoutes, more.accept)
  if (entries.length === 0) return { rules: [reject('not-accepted')], otherwise: 'reject' }
  const rules: Rule[] = [
    reject('martian', { prefixes: MARTIANS.map(within) }),
    reject('link-local', { prefixes: LINK_LOCAL.map(within) }),
    ...(more.reject ?? []).map((entry) => reject('rejected', conditionsOf(entry))),
    ...entries.map((entry) => {
      const prefixes = namedIn(entry.prefixes).map(({ text }) => ({ prefix: text }))
      return acceptAs('named', { ...conditionsOf(entry), prefixes }, entry, more)
    }),
    reject('default-route', { prefixes: DEFAULT_ROUTES }),
    reject('too-short', { prefixes: DEFAULT_ROUTES.map(upToLeast) }),
    reject('covers-link-local', { prefixes: LINK_LOCAL.flatMap(ancestors) }),
  ]
  if (entries.some(isUnconditional) && more.localPreference === undefined)
    return { rules, otherwise: 'accept' }
  rules.push(...entries.map((entry) => acceptAs('listed', conditionsOf(entry), entry, more)))
  return { rules: [...rules, reject('not-accepted')], otherwise: 'reject' }
}

/** Without entries of its own a router is believed what `acceptRoutes` says. */
function entriesOf(
  acceptRoutes: AcceptRoutes,
  accepted: readonly AcceptEntry[] | undefined,
): readonly AcceptEntry[] {
  if (accepted) return accepted
  if (typeof acceptRoutes === 'boolean') return acceptRoutes ? [{}] : []
  return [{ prefixes: acceptRoutes }]
}

function isUnconditional(entry: AcceptEntry): boolean {
  return Object.keys(entry).length === 0
}

function acceptAs(name: string, match: Match, entry: AcceptEntry, router: RouterImport): Rule {
  const localPref = entry.localPreference ?? router.localPreference
  return { ...accept(name, match), ...(localPref === undefined ? {} : { set: { localPref } }) }
}

function conditionsOf({ prefixes, communities, asPath }: RouteMatch): Match {
  return {
    ...(prefixes ? { prefixes: prefixes.map(match) } : {}),
    ...(communities ? { communities } : {}),
    ...(asPath ? { asPath } : {}),
  }
}

/**
 * Prefixes that stand in the lists themselves. The operator means exactly these: they may be as short as the default route, and cover
 * what the cluster has, whose own routes are more specific.
 */
export function namedPrefixes(
  acceptRoutes: AcceptRoutes,
  accepted?: readonly AcceptEntry[] | undefined,
): Cidr[] {
  return entriesOf(acceptRoutes, accepted).flatMap(({ prefixes }) => namedIn(prefixes))
}

function namedIn(prefixes: readonly AcceptedPrefix[] = []): Cidr[] {
  return prefixes.filter((entry) => entry.minLength <= entry.prefix.length).map((entry) => entry.prefix)
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
