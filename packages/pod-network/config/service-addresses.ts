/** `serviceAddresses` of the configuration file: which addresses of Services routers outside are told, and how. */
import { canonicalAddress } from '@podroute/address/address.ts'
import { cidr } from '@podroute/address/cidr.ts'
import { prefix, seconds } from '@podroute/feature/schema.ts'
import type { SectionInput } from '@podroute/feature/section.ts'
import type { AddressKind } from '@podroute/feature/served-addresses.ts'
import { parseCommunity, parseLargeCommunity } from 'bgp-speaker-ts/packet/communities.ts'
import * as z from 'zod'
import type { AddressRule, ServiceAddressSettings } from '../service-addresses/settings.ts'
import { readSelector, selector } from './label-selector.ts'

const KINDS: Readonly<Record<'clusterIPs' | 'externalIPs' | 'loadBalancerIPs', AddressKind>> = {
  clusterIPs: 'cluster-ip',
  externalIPs: 'external-ip',
  loadBalancerIPs: 'load-balancer-ip',
}

const community = z
  .string()
  .refine((text) => parseCommunity(text) !== undefined || parseLargeCommunity(text) !== undefined, {
    message: 'not a community such as 64512:1, 64512:1:2 or no-export',
  })

const rule = z.strictObject({
  selector: selector.default({}),
  /** None: all kinds. */
  kinds: z.array(z.enum(['clusterIPs', 'externalIPs', 'loadBalancerIPs'])).default([]),
  /** Addresses of `peers` that are told; absent: all of them. */
  peers: z.array(z.string().min(1)).optional(),
  communities: z.array(community).default([]),
  /** For routers of the cluster's own AS. */
  localPreference: z.number().int().min(0).max(4294967295).optional(),
})

export const serviceAddresses = z.strictObject({
  clusterIPs: z.boolean().default(false),
  externalIPs: z.boolean().default(false),
  loadBalancerIPs: z.boolean().default(false),
  /** Services that the three are about. */
  selector: selector.default({}),
  /** Annotations of a Service switch its addresses on and off, whatever else is set. */
  annotations: z.boolean().default(true),
  /** Where external and load-balancer addresses may lie; none: wherever the service proxy serves them. */
  ranges: z.array(prefix).default([]),
  /** What becomes of an address with traffic policy Cluster that has no endpoint. */
  withoutEndpoints: z.enum(['withdraw', 'announce']).default('withdraw'),
  /** A node that is to be left tells routers to prefer others for so long, then it withdraws. */
  drainSeconds: seconds(0, 3600).default(30),
  /** Announced in place of the addresses inside; those with traffic policy Local are announced beside them. */
  aggregates: z.array(prefix).default([]),
  /** The first that takes a Service and kind says what goes with its announcements, and to whom. */
  rules: z.array(rule).default([]),
})

type File = z.infer<typeof serviceAddresses>

/** @param routers names of the configured routers */
export function serviceAddressSettings(
  file: File,
  routers: readonly string[],
  input: SectionInput,
): ServiceAddressSettings {
  const on = (Object.keys(KINDS) as (keyof typeof KINDS)[]).filter((kind) => file[kind])
  return {
    kinds: on.map((kind) => KINDS[kind]),
    selector: readSelector(file.selector),
    annotations: file.annotations,
    ranges: file.ranges.map(cidr),
    withoutEndpoints: file.withoutEndpoints === 'announce',
    drain: file.drainSeconds,
    aggregates: file.aggregates.map(cidr),
    rules: file.rules.map((entry, i) => readRule(entry, `serviceAddresses.rules[${i}]`, routers, input)),
  }
}

function readRule(
  entry: File['rules'][number],
  path: string,
  routers: readonly string[],
  input: SectionInput,
): AddressRule {
  const { localPreference } = entry
  const peers = entry.peers?.map((name) => canonicalAddress(name) ?? name)
  for (const [i, name] of (peers ?? []).entries())
    if (!routers.includes(name)) input.problem(`${path}.peers[${i}]`, `${name} is none of peers`)
  const isLarge = (text: string) => parseLargeCommunity(text) !== undefined
  return {
    selector: readSelector(entry.selector),
    kinds: entry.kinds.map((kind) => KINDS[kind]),
    ...(peers === undefined ? {} : { peers }),
    communities: entry.communities.filter((text) => !isLarge(text)),
    largeCommunities: entry.communities.filter(isLarge),
    ...(localPreference === undefined ? {} : { localPref: localPreference }),
  }
}
