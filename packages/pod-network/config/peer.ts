/** `peers` of the configuration file: BGP routers outside the cluster. */
import { isDeepStrictEqual } from 'node:util'
import { canonicalAddress, type Family } from '@podroute/address/address.ts'
import { cidr, containsAddress } from '@podroute/address/cidr.ts'
import { interfaceName, ipAddress, port, seconds } from '@podroute/feature/schema.ts'
import type { SectionInput } from '@podroute/feature/section.ts'
import { isHost, parseAddress } from 'bgp-speaker-ts/address.ts'
import * as z from 'zod'
import { peerKey } from '../bgp/peer-key.ts'
import type { NodeSelector, RouterRestart } from '../routers/router-settings.ts'
import type { AcceptRoutes, ExternalPeer } from '../settings.ts'
import { announce, readAnnounce } from './announce.ts'
import { asn, holdTime } from './asn.ts'
import { bfd, bfdTimers } from './bfd.ts'
import { readSelector, selectorShape } from './label-selector.ts'
import { key, readKeyFile } from './md5-key.ts'
import {
  acceptEntry,
  prefixRange,
  readAccept,
  readMatch,
  readPrefixes,
  rejectEntry,
  u32,
  withoutUndefined,
} from './route-match.ts'

/** Routes that a router announces: none, all but what no router is believed, or those of a list. */
const acceptRoutes = z.union([z.boolean(), z.array(prefixRange)], {
  message:
    'true, false, or a list of prefixes such as 10.0.0.0/8 and {prefix: 10.0.0.0/8, minLength: 16, maxLength: 24}',
})

/** In each family. */
const limit = z.number().int().min(1).max(1_000_000)

export const peer = z.strictObject({
  /** Address of a BGP router outside the cluster; a link-local one beside its `interface`. */
  address: ipAddress.optional(),
  /** Without an address the router is unnumbered: it is found by its Router Advertisements on this interface. */
  interface: interfaceName.optional(),
  description: z.string().max(200).optional(),
  /** Which nodes it is a peer of: by name, by labels; absent: all. */
  nodes: z.strictObject({ names: z.array(z.string().min(1)).min(1).optional(), ...selectorShape }).optional(),
  asn: z.union([asn, z.enum(['external', 'internal'])], {
    message: 'an AS number from 1 to 4294967294 that is not reserved, external or internal',
  }),
  /** Our AS number towards it (RFC 7705). */
  localAsn: asn.optional(),
  localAsnPrepends: z.boolean().optional(),
  /** How often our own AS number may occur in its paths. */
  allowOwnAs: z.number().int().min(0).max(10).optional(),
  port: port.optional(),
  /** Source of the session; the Node's address when absent. */
  localAddress: ipAddress.optional(),
  localInterface: interfaceName.optional(),
  passive: z.boolean().optional(),
  /** TCP-MD5 key (RFC 2385); better kept in a Secret that is mounted: passwordFile. */
  password: key.optional(),
  passwordFile: z.string().min(1).optional(),
  /** GTSM (RFC 5082): the router has to send with TTL 255, from at most so many hops away. */
  ttlSecurityHops: z.number().int().min(1).max(254).optional(),
  /** TTL of what is sent; 255 when absent, which reaches any router. */
  multihop: z.number().int().min(1).max(255).optional(),
  families: z
    .array(z.enum(['ipv4', 'ipv6']))
    .min(1)
    .optional(),
  holdTimeSeconds: holdTime.optional(),
  keepaliveSeconds: seconds(1, 21845).optional(),
  connectRetrySeconds: seconds(1, 65535).optional(),
  /** RFC 5880, 5881: the router has to have it, too. */
  bfd: bfd.default(false),
  /** What this cluster is to the router's AS (RFC 9234): its provider, its customer, its equal, a route server or a client of one. */
  role: z.enum(['provider', 'customer', 'peer', 'rs', 'rs-client']).optional(),
  /** A router that does not say its role is refused. */
  roleStrict: z.boolean().optional(),
  /** In place of bgp.gracefulRestart. */
  gracefulRestart: z
    .strictObject({
      enabled: z.boolean().default(true),
      timeSeconds: seconds(1, 4095).default(120),
      longLivedSeconds: seconds(0, 16777215).default(3600),
    })
    .optional(),
  /** Several paths to a prefix (RFC 7911). */
  addPath: z
    .strictObject({ send: z.boolean().default(false), receive: z.boolean().default(false) })
    .optional(),
  acceptRoutes: acceptRoutes.default(false),
  accept: z.array(acceptEntry).optional(),
  reject: z.array(rejectEntry).optional(),
  localPreference: u32.optional(),
  maxPrefixes: z
    .union([limit, z.strictObject({ ipv4: limit.optional(), ipv6: limit.optional() })], {
      message: 'a number from 1 to 1000000, or one for each family such as {ipv4: 1000, ipv6: 500}',
    })
    .default(1000),
  maxPrefixesAction: z.enum(['reset', 'block', 'warn']).optional(),
  announce: announce.optional(),
})

type Entry = z.infer<typeof peer>

export function externalPeer(entry: Entry, path: string, input: SectionInput): ExternalPeer {
  reportContradictions(entry, path, input)
  const { passwordFile } = entry
  const secret =
    passwordFile === undefined ? undefined : readKeyFile(passwordFile, `${path}.passwordFile`, input)
  const families = entry.families?.map((family): Family => (family === 'ipv4' ? 4 : 6))
  return {
    ...withoutUndefined({
      ...locationOf(entry),
      description: entry.description,
      nodes: entry.nodes && nodesOf(entry.nodes),
      fault: secret?.fault,
      localAsn: entry.localAsn,
      localAsnPrepends: entry.localAsnPrepends,
      allowOwnAs: entry.allowOwnAs,
      port: entry.port,
      localAddress: entry.localAddress && canonicalAddress(entry.localAddress),
      localInterface: entry.localInterface,
      passive: entry.passive,
      password: entry.password ?? secret?.key,
      ttlSecurityHops: entry.ttlSecurityHops,
      ttl: entry.multihop,
      families,
      holdTime: entry.holdTimeSeconds,
      keepalive: entry.keepaliveSeconds,
      connectRetry: entry.connectRetrySeconds,
      bfd: bfdTimers(entry.bfd),
      restart: entry.gracefulRestart && restartOf(entry.gracefulRestart),
      role: entry.role,
      roleStrict: entry.roleStrict,
      addPath: entry.addPath,
      accept: entry.accept?.map((each, i) => readAccept(each, `${path}.accept[${i}]`, input)),
      reject: entry.reject?.map((each, i) => readMatch(each, `${path}.reject[${i}]`, input)),
      localPreference: entry.localPreference,
      maxPrefixesAction: entry.maxPrefixesAction,
      announce: entry.announce && readAnnounce(entry.announce),
    }),
    asn: entry.asn,
    acceptRoutes: accepted(entry.acceptRoutes, `${path}.acceptRoutes`, input),
    maxPrefixes: limitsOf(entry.maxPrefixes),
  }
}

/** fe80::/10: such an address means nothing without an interface. */
const LINK_LOCAL = cidr('fe80::/10')

function isLinkLocal(address: string | undefined): boolean {
  return address !== undefined && containsAddress(LINK_LOCAL, address)
}

function locationOf({ address, interface: link }: Entry): Pick<ExternalPeer, 'address' | 'interface'> {
  if (address === undefined) return link === undefined ? {} : { interface: link }
  const canonical = canonicalAddress(address) ?? address
  return { address: link === undefined ? canonical : `${canonical}%${link}` }
}

/** What excludes what, as the schema cannot see it. */
function reportContradictions(entry: Entry, path: string, input: SectionInput): void {
  const { address, interface: link } = entry
  const both = (a: keyof Entry, b: keyof Entry) => {
    if (entry[a] !== undefined && entry[b] !== undefined) input.problem(path, `${a} and ${b} are both given`)
  }
  if (address === undefined && link === undefined)
    input.problem(
      `${path}.address`,
      'missing: give the address of the router, or the interface of an unnumbered one',
    )
  if (isLinkLocal(address) && link === undefined)
    input.problem(
      `${path}.address`,
      'a link-local address without an interface: give the interface, too, or an address of the router that every node reaches',
    )
  if (address !== undefined && !isLinkLocal(address) && link !== undefined)
    input.problem(
      `${path}.interface`,
      'only beside a link-local address, or without an address; localInterface is where the session is from',
    )
  const { localAddress } = entry
  if (localAddress !== undefined && !isHost(parseAddress(localAddress) ?? new Uint8Array(4)))
    input.problem(`${path}.localAddress`, `${localAddress} is not the address of a host`)
  both('password', 'passwordFile')
  both('localAddress', 'localInterface')
  both('ttlSecurityHops', 'multihop')
  if (entry.role !== undefined && entry.asn === 'internal')
    input.problem(`${path}.role`, 'only towards a router of another AS (RFC 9234)')
  if (entry.role === undefined && entry.roleStrict === true)
    input.problem(`${path}.roleStrict`, 'only beside a role')
  if (entry.accept !== undefined && entry.acceptRoutes !== false)
    input.problem(path, 'accept and acceptRoutes are both given')
}

function nodesOf({ names = [], ...labels }: NonNullable<Entry['nodes']>): NodeSelector {
  return { names, labels: readSelector(labels) }
}

function restartOf({
  enabled,
  timeSeconds,
  longLivedSeconds,
}: NonNullable<Entry['gracefulRestart']>): RouterRestart {
  return { time: enabled ? timeSeconds : 0, longLivedTime: enabled ? longLivedSeconds : 0 }
}

function limitsOf(limits: Entry['maxPrefixes']): ExternalPeer['maxPrefixes'] {
  return typeof limits === 'number' ? limits : withoutUndefined({ 4: limits.ipv4, 6: limits.ipv6 })
}

function accepted(raw: Entry['acceptRoutes'], path: string, input: SectionInput): AcceptRoutes {
  return typeof raw === 'boolean' ? raw : readPrefixes(raw, path, input)
}

/** Entries of one router that select the same nodes can never both be meant. Others are judged on each node (routers/selection.ts). */
export function reportDuplicates(peers: readonly ExternalPeer[], input: SectionInput): void {
  for (const [i, router] of peers.entries()) {
    const key = peerKey(router)
    const same = (other: ExternalPeer) =>
      peerKey(other) === key && isDeepStrictEqual(other.nodes, router.nodes)
    const first = peers.findIndex(same)
    if (first !== i && key !== '') input.problem(`peers[${i}].address`, `${key} is peers[${first}] already`)
  }
}
