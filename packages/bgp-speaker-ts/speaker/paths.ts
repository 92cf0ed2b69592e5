// Converts paths and announcements between the API's form and the RIB's.
import { formatId, isLinkLocal, parseAddress } from '../address.ts'
import type { Announcement } from '../config.ts'
import type { PathAttributes } from '../packet/attributes.ts'
import {
  formatCommunity,
  formatLargeCommunity,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
} from '../packet/communities.ts'
import { DEFAULT_LOCAL_PREF } from '../rib/attribute-table.ts'
import type { Source } from '../rib/source.ts'
import type { Path } from '../snapshot.ts'

export function toPath(prefix: string, attributes: PathAttributes, source: Source): Path {
  return {
    prefix,
    peer: source.address,
    source: source.kind,
    nextHop: scoped(attributes.nextHop, source),
    origin: attributes.origin ?? 'incomplete',
    asPath: attributes.asPath ?? [],
    localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF,
    med: attributes.med,
    communities: (attributes.communities ?? []).map(formatCommunity),
    largeCommunities: (attributes.largeCommunities ?? []).map(formatLargeCommunity),
    extendedCommunities: attributes.extendedCommunities ?? [],
    originatorId: attributes.originatorId === undefined ? undefined : formatId(attributes.originatorId),
    clusterList: (attributes.clusterList ?? []).map(formatId),
    ...(attributes.onlyToCustomer === undefined ? {} : { onlyToCustomer: attributes.onlyToCustomer }),
  }
}

/** Adds the session's interface to a link-local next hop, which means nothing without it. */
function scoped(nextHop: string | undefined, { zone }: Source): string | undefined {
  return nextHop === undefined || zone === undefined || !isLinkLocal(parseAddress(nextHop)!)
    ? nextHop
    : `${nextHop}%${zone}`
}

/** Returns the attributes of an announcement that was checked before. */
export function toAttributes(route: Announcement): PathAttributes {
  const communities = (route.communities ?? []).map((text) => parseCommunity(text)!)
  const extended = (route.extendedCommunities ?? []).map((text) => parseExtendedCommunity(text)!)
  const large = (route.largeCommunities ?? []).map((text) => parseLargeCommunity(text)!)
  return {
    origin: route.origin ?? 'igp',
    asPath: [],
    ...(route.nextHop === undefined ? {} : { nextHop: route.nextHop }),
    ...(route.med === undefined ? {} : { med: route.med, medIsOurs: true as const }),
    ...(route.localPref === undefined ? {} : { localPref: route.localPref }),
    ...(communities.length === 0 ? {} : { communities }),
    ...(large.length === 0 ? {} : { largeCommunities: large }),
    ...(extended.length === 0 ? {} : { extendedCommunities: extended }),
    ...(route.tags?.length ? { tags: [...new Set(route.tags)].sort() } : {}),
  }
}
