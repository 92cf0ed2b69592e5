/** What a router is told: which kinds of this node's own routes, with which attributes, and aggregates in place of what lies inside. */
import { width } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'
import type { Actions, Policy, Rule } from 'bgp-speaker-ts/policy/policy.ts'
import { ALL_KINDS, type AnnouncementKind, reject } from '../bgp/policy.ts'
import { aggregateOf } from './aggregates.ts'
import type { RouterExport } from './router-settings.ts'

/**
 * Tag beside its kind of a route that is told itself, whatever aggregates it lies in: that of an address which not every node serves
 * (externalTrafficPolicy Local), while every node may tell the aggregate.
 */
export const neverAggregated = (kind: AnnouncementKind) => `never-aggregated/${kind}`

/** @param asn this node's AS number towards the router */
export function externalExport(told: RouterExport, asn: number): Policy {
  const { kinds = ALL_KINDS, aggregates = [] } = told
  const set = actionsOf(told, asn)
  const accept = (name: string, match: Rule['match'] = {}): Rule => ({
    ...{ name, match: { sources: ['local'], ...match }, verdict: 'accept' },
    ...(Object.keys(set).length === 0 ? {} : { set }),
  })
  const exact = aggregates.map(({ text }) => ({ prefix: text }))
  return {
    rules: [
      ...(aggregates.length === 0
        ? []
        : [
            accept('aggregate', { prefixes: exact, tags: kinds.map(aggregateOf) }),
            reject('other-kind', {
              prefixes: exact,
              tags: ALL_KINDS.filter((k) => !kinds.includes(k)).map(aggregateOf),
            }),
            accept('never-aggregated', { tags: kinds.map(neverAggregated) }),
            reject('aggregated', { prefixes: aggregates.map(inside), tags: kinds }),
          ]),
      accept('own', { tags: kinds }),
    ],
    otherwise: 'reject',
  }
}

function actionsOf(told: RouterExport, asn: number): Actions {
  const { communities = [], med, prepend = 0, localPreference } = told
  return {
    ...(communities.length === 0 ? {} : { addCommunities: communities }),
    ...(med === undefined ? {} : { med }),
    ...(prepend === 0 ? {} : { prepend: { asn, times: prepend } }),
    ...(localPreference === undefined ? {} : { localPref: localPreference }),
  }
}

function inside({ text, length, family }: Cidr) {
  return { prefix: text, minLength: length + 1, maxLength: width(family) }
}
