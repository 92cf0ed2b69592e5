/** `peers` of the configuration file: what the options of a router mean together. */
import { isDeepStrictEqual } from 'node:util'
import { canonicalAddress, type Family } from '@podroute/address/address.ts'
import { cidr, containsAddress } from '@podroute/address/cidr.ts'
import type { SectionInput } from '@podroute/feature/section.ts'
import { isHost, parseAddress } from 'bgp-speaker-ts/address.ts'
import type * as z from 'zod'
import { peerKey } from '../bgp/peer-key.ts'
import type { NodeSelector, RouterRestart } from '../routers/router-settings.ts'
import type { AcceptRoutes, ExternalPeer } from '../settings.ts'
import { readAnnounce } from './announce.ts'
import { bfdTimers } from './bfd.ts'
import { readSelector } from './label-selector.ts'
import { readKeyFile } from './md5-key.ts'
import type { peer } from './peer-schema.ts'
import { readAccept, readMatch, readPrefixes, withoutUndefined } from './route-match.ts'

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
