/** Which addresses of a Service this node announces, how, and why not the others. Pure. */
import { type Family, familyOf } from '@podroute/address/address.ts'
import { type Cidr, contains, hostCidr } from '@podroute/address/cidr.ts'
import { findAnnotation } from '@podroute/cluster/objects/annotations.ts'
import { matches } from '@podroute/cluster/objects/label-selector.ts'
import type { Service } from '@podroute/cluster/objects/service.ts'
import type { AddressKind, ServedAddress } from '@podroute/feature/served-addresses.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import type { WantedAnnouncement } from '../bgp/announcements.ts'
import { neverAggregated } from '../routers/export-policy.ts'
import type { NodeState } from './node-state.ts'
import type { AddressRule, ServiceAddressSettings } from './settings.ts'
import { notTold } from './told.ts'

export interface AddressDecision {
  readonly address: string
  readonly kind: AddressKind
  /** The address itself, or the aggregate that stands for it. */
  readonly prefix: string
  /** This node serves it, whether it announces it or not: clients may have connections to it. */
  readonly served: boolean
  /** Undefined: this node does not announce it. */
  readonly wanted: WantedAnnouncement | undefined
  /** Why it is announced as the last resort, or not at all; empty: it is announced. */
  readonly reason: string
}

export interface DecisionFacts {
  readonly settings: ServiceAddressSettings
  readonly node: NodeState
  /** This node's own address of a family. */
  nextHop(family: Family): string | undefined
  /** Whether all that there is at first is known. */
  readonly complete: boolean
  /** What to say of an address that is not served here. */
  readonly unserved: string
  /** Names of all routers. */
  readonly routers: readonly string[]
  /** What this Service wants announced under a prefix by now. */
  current(prefix: string): WantedAnnouncement | undefined
}

const SUFFIXES: Readonly<Record<AddressKind, string>> = {
  'cluster-ip': 'service.advertise.clusterip',
  'external-ip': 'service.advertise.externalip',
  'load-balancer-ip': 'service.advertise.loadbalancerip',
}
const KINDS = Object.keys(SUFFIXES) as readonly AddressKind[]

/** RFC 8326: routers prefer any other path, at the cost of nothing that is under way. */
const GRACEFUL_SHUTDOWN = 'graceful-shutdown'

/** @param served what of it is served on this node; empty: nothing, or it is not known yet */
export function decideService(
  service: Service,
  served: readonly ServedAddress[],
  facts: DecisionFacts,
): AddressDecision[] {
  const kinds = KINDS.filter((kind) => isSwitchedOn(service, kind, facts.settings))
  if (kinds.length === 0) return []
  return kinds.flatMap((kind) =>
    addressesOf(service, kind).map((address) => {
      const answer = served.find((one) => one.kind === kind && one.address === address)
      return decide(service, { address, kind }, answer, facts)
    }),
  )
}

/** Annotations whose value means nothing. */
export function annotationProblems({ annotations }: Service): string[] {
  return KINDS.flatMap((kind) => {
    const found = findAnnotation(annotations, SUFFIXES[kind])
    if (!found || readSwitch(found.text) !== undefined) return []
    return [`metadata.annotations[${found.name}]: neither true nor false: ${found.text}`]
  })
}

function isSwitchedOn(service: Service, kind: AddressKind, settings: ServiceAddressSettings): boolean {
  const found = settings.annotations ? findAnnotation(service.annotations, SUFFIXES[kind]) : undefined
  const own = found && readSwitch(found.text)
  return own ?? (settings.kinds.includes(kind) && matches(settings.selector, service.labels))
}

function readSwitch(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined
}

function addressesOf(service: Service, kind: AddressKind): readonly string[] {
  if (kind === 'cluster-ip') return service.clusterIPs
  return kind === 'external-ip' ? service.externalIPs : service.ingressIPs
}

function decide(
  service: Service,
  { address, kind }: Pick<ServedAddress, 'address' | 'kind'>,
  served: ServedAddress | undefined,
  facts: DecisionFacts,
): AddressDecision {
  const { settings, node } = facts
  const host = hostCidr(address)!
  const prefix = prefixOf(host, served, settings).text
  const allowed = kind === 'cluster-ip' || isInside(host, settings.ranges)
  const held = { address, kind, prefix, served: allowed && served !== undefined, wanted: undefined }
  const withhold = (reason: string): AddressDecision => ({ ...held, reason })
  if (!allowed) return withhold('not in serviceAddresses.ranges')
  if (node.kind === 'out') return withhold(node.reason)
  const nextHop = facts.nextHop(familyOf(address))
  if (nextHop === undefined) return withhold(`this node has no IPv${familyOf(address)} address`)
  if (isDoubtful(served, facts.complete)) {
    const wanted = facts.current(prefix)
    if (wanted) return { ...held, wanted, reason: '' }
  }
  if (!served) return withhold(facts.unserved)
  if (served.answer === 'pending') return withhold('not in the kernel yet')
  if (served.answer === 'none' && !(settings.withoutEndpoints && served.policy === 'cluster'))
    return withhold(served.policy === 'local' ? 'no ready endpoint on this node' : 'no ready endpoint')
  const leaving = served.answer === 'leaving' ? 'only endpoints that terminate' : undefined
  const reason = node.kind === 'leaving' ? node.reason : leaving
  const announcement = makeAnnouncement(
    { service, kind, prefix, nextHop, lowered: reason !== undefined, here: served.policy === 'local' },
    facts,
  )
  const wanted = {
    announcement,
    rank: reason === undefined ? 'plain' : 'lowered',
    created: service.created,
  } as const
  return { ...held, wanted, reason: reason ?? '' }
}

/** What was true a moment ago still is while the kernel gets something new, and while not all is known. */
function isDoubtful(served: ServedAddress | undefined, complete: boolean): boolean {
  return served?.answer === 'pending' || (!complete && (served === undefined || served.answer === 'none'))
}

/** An address with policy Local is announced by itself: the aggregate comes from nodes without an endpoint as well. */
function prefixOf(
  host: Cidr,
  served: ServedAddress | undefined,
  { aggregates }: ServiceAddressSettings,
): Cidr {
  if (served?.policy === 'local') return host
  return aggregates.find((aggregate) => contains(aggregate, host)) ?? host
}

function isInside(host: Cidr, ranges: readonly Cidr[]): boolean {
  return ranges.length === 0 || ranges.some((range) => contains(range, host))
}

interface Subject {
  readonly service: Service
  readonly kind: AddressKind
  readonly prefix: string
  readonly nextHop: string
  readonly lowered: boolean
  /** It is served by endpoints on this node alone. */
  readonly here: boolean
}

function makeAnnouncement(
  { service, kind, prefix, nextHop, lowered, here }: Subject,
  { settings, routers }: DecisionFacts,
): Announcement {
  const rule = settings.rules.find((each) => isFor(each, service, kind))
  const communities = [...(rule?.communities ?? []), ...(lowered ? [GRACEFUL_SHUTDOWN] : [])]
  const localPref = lowered ? 0 : rule?.localPref
  return {
    ...{ prefix, nextHop, origin: 'igp' },
    tags: [kind, ...(here ? [neverAggregated(kind)] : []), ...notTold(rule?.peers, routers)],
    ...(communities.length === 0 ? {} : { communities }),
    ...(rule === undefined || rule.largeCommunities.length === 0
      ? {}
      : { largeCommunities: rule.largeCommunities }),
    ...(localPref === undefined ? {} : { localPref }),
  }
}

function isFor({ selector, kinds }: AddressRule, { labels }: Service, kind: AddressKind): boolean {
  return (kinds.length === 0 || kinds.includes(kind)) && matches(selector, labels)
}
