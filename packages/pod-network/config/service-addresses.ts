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
  .meta({ title: 'community' })

const rule = z.strictObject({
  selector: selector.default({}).describe('Services that the rule is about. Empty: all.'),
  kinds: z
    .array(z.enum(['clusterIPs', 'externalIPs', 'loadBalancerIPs']))
    .default([])
    .describe('Kinds of addresses that it is about. Empty: all.'),
  peers: z
    .array(z.string().min(1))
    .optional()
    .describe('Addresses of the routers that are told. Absent: all of peers.'),
  communities: z.array(community).default([]).describe('Communities that go with the announcement.'),
  localPreference: z
    .number()
    .int()
    .min(0)
    .max(4294967295)
    .optional()
    .describe('Local preference towards routers of our own AS.'),
})

export const serviceAddresses = z.strictObject({
  clusterIPs: z.boolean().default(false).describe('Whether ClusterIPs are announced.'),
  externalIPs: z.boolean().default(false).describe('Whether externalIPs are announced.'),
  loadBalancerIPs: z.boolean().default(false).describe('Whether addresses of load balancers are announced.'),
  selector: selector.default({}).describe('Services that the three keys are about. Empty: all.'),
  annotations: z
    .boolean()
    .default(true)
    .describe('Whether annotations of a Service switch its addresses on and off, whatever else is set.'),
  ranges: z
    .array(prefix)
    .default([])
    .describe(
      'Where external and load-balancer addresses have to lie to be announced. Empty: wherever the service proxy serves them.',
    ),
  withoutEndpoints: z
    .enum(['withdraw', 'announce'])
    .default('withdraw')
    .describe(
      'What becomes of an address with traffic policy Cluster that has no endpoint. announce: it stays, and clients are refused at once.',
    ),
  drainSeconds: seconds(0, 3600)
    .default(30)
    .describe(
      'Seconds for which a node that is to be left tells routers to prefer others, before it withdraws.',
    ),
  aggregates: z
    .array(prefix)
    .default([])
    .describe(
      'Prefixes that are announced in place of the addresses inside, but for those with traffic policy Local.',
    ),
  rules: z
    .array(rule)
    .default([])
    .describe(
      'The first rule that takes a Service and kind says what goes with its announcements, and who is told.',
    ),
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
