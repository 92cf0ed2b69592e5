// Checks the configuration of speaker, peers and announcements; reports every problem with its path before anything starts.
import { formatAddress, isLinkLocal, parseAddress, parseId, parsePrefix } from '../address.ts'
import type { BfdTimers } from '../bfd/config.ts'
import { validateSession } from '../bfd/config.ts'
import type { Announcement, DynamicPeersConfig, PeerConfig, SpeakerConfig } from '../config.ts'
import { BgpConfigError } from '../errors.ts'
import { parseExtendedCommunity, parseLargeCommunity } from '../packet/communities.ts'
import { checkPolicy } from '../policy/check.ts'
import { Checker, isInteger } from './checker.ts'
import { isRole } from './roles.ts'

/** Most bytes of a TCP-MD5 key (TCP_MD5SIG_MAXKEYLEN in linux/tcp.h). */
const MAX_KEY = 80

const byteLength = (text: string) => new TextEncoder().encode(text).length

/** @throws BgpConfigError */
export function checkSpeaker(config: SpeakerConfig): void {
  const checker = new Checker()
  checker.asn(config.asn, 'asn')
  checker.expect(
    (parseId(config.routerId) ?? 0) !== 0,
    'routerId',
    `not an identifier in dotted form: ${config.routerId}`,
  )
  checker.expect(
    config.clusterId === undefined || parseId(config.clusterId) !== undefined,
    'clusterId',
    `not an identifier in dotted form: ${config.clusterId}`,
  )
  checker.holdTime(config.holdTime, 'holdTime')
  checker.expect(
    config.multipath === undefined || isInteger(config.multipath, 1, 256),
    'multipath',
    'not from 1 to 256',
  )
  checker.expect(
    config.selectionDeferralTime === undefined || isInteger(config.selectionDeferralTime, 0, 3600),
    'selectionDeferralTime',
    'not from 0 to 3600 seconds',
  )
  if (config.listen !== undefined) {
    checker.expect(isInteger(config.listen.port, 0, 65535), 'listen.port', 'not a port')
    for (const [i, address] of (config.listen.addresses ?? []).entries())
      checker.scoped(address, `listen.addresses[${i}]`)
  }
  checker.done()
}

/** Which optional abilities this speaker has: those of its transport, BFD and discovery. */
export interface SpeakerAbilities {
  readonly password: boolean
  readonly ttlSecurity: boolean
  readonly bfd: boolean
  readonly discovery: boolean
  /** It judges routes. */
  readonly validator: boolean
}

/** @throws BgpConfigError */
export function checkPeer(peer: PeerConfig, abilities: SpeakerAbilities): void {
  const checker = new Checker()
  checkLocation(checker, peer, abilities)
  checkSession(checker, peer)
  checkSockets(checker, peer, abilities)
  checker.nextHop(peer.nextHop?.ipv4, 'nextHop.ipv4', 4)
  checker.nextHop(peer.nextHop?.ipv6, 'nextHop.ipv6', 6)
  const limits = typeof peer.maxPrefixes === 'object' ? Object.values(peer.maxPrefixes) : [peer.maxPrefixes]
  for (const limit of limits)
    checker.expect(
      limit === undefined || isInteger(limit, 1, 0xffffffff),
      'maxPrefixes',
      'not a positive number',
    )
  checker.expect(peer.validated !== true || abilities.validator, 'validated', 'the speaker has no validator')
  checkRole(checker, peer)
  checkRestart(checker, peer)
  checkLongLived(checker, peer)
  checkBfd(checker, peer.bfd, abilities.bfd)
  checkPolicy(checker, peer.importPolicy, 'importPolicy')
  checkPolicy(checker, peer.exportPolicy, 'exportPolicy')
  checker.done()
}

/** Checks what the OPEN carries, and the timers. */
function checkSession(checker: Checker, peer: PeerConfig): void {
  if (peer.asn !== 'external' && peer.asn !== 'internal') checker.asn(peer.asn, 'asn')
  if (peer.localAsn !== undefined) checker.asn(peer.localAsn, 'localAsn')
  const { allowOwnAs, keepaliveTime } = peer
  checker.expect(
    allowOwnAs === undefined || isInteger(allowOwnAs, 0, 255),
    'allowOwnAs',
    'not from 0 to 255 times',
  )
  checker.expect(
    keepaliveTime === undefined || isInteger(keepaliveTime, 1, 21845),
    'keepaliveTime',
    'not from 1 to 21845 seconds',
  )
  checker.expect(peer.port === undefined || isInteger(peer.port, 1, 65535), 'port', 'not a port')
  checker.scoped(peer.localAddress, 'localAddress')
  checker.holdTime(peer.holdTime, 'holdTime')
  checker.expect(
    peer.connectRetryTime === undefined || isInteger(peer.connectRetryTime, 1, 65535),
    'connectRetryTime',
    'not from 1 to 65535 seconds',
  )
  checker.expect(peer.families.length > 0, 'families', 'none')
  for (const [i, family] of peer.families.entries()) {
    checker.expect(
      family === 'ipv4-unicast' || family === 'ipv6-unicast',
      `families[${i}]`,
      `unknown family: ${family}`,
    )
  }
}

/** Checks the socket options, which the transport must support. */
function checkSockets(checker: Checker, peer: PeerConfig, abilities: SpeakerAbilities): void {
  checker.expect(
    peer.password === undefined || abilities.password,
    'password',
    'the transport cannot set TCP-MD5 keys',
  )
  checker.expect(
    peer.password === undefined || isInteger(byteLength(peer.password), 1, MAX_KEY),
    'password',
    `not of 1 to ${MAX_KEY} bytes`,
  )
  checker.expect(
    peer.ttlSecurityHops === undefined || abilities.ttlSecurity,
    'ttlSecurityHops',
    'the transport cannot set TTL limits',
  )
  checker.expect(
    peer.ttlSecurityHops === undefined || isInteger(peer.ttlSecurityHops, 1, 254),
    'ttlSecurityHops',
    'not from 1 to 254 hops',
  )
  checker.expect(
    peer.ttl === undefined || (abilities.ttlSecurity && isInteger(peer.ttl, 1, 255)),
    'ttl',
    abilities.ttlSecurity ? 'not from 1 to 255' : 'the transport cannot set TTLs',
  )
  checker.expect(
    peer.ttl === undefined || peer.ttlSecurityHops === undefined,
    'ttl',
    'ttlSecurityHops sends with 255',
  )
}

function checkRole(checker: Checker, { role, roleStrict, asn }: PeerConfig): void {
  checker.expect(role !== undefined || roleStrict !== true, 'roleStrict', 'only beside a role')
  if (role === undefined) return
  checker.expect(isRole(role), 'role', `not provider, customer, peer, rs or rs-client: ${role}`)
  checker.expect(asn !== 'internal', 'role', 'only for an external peer (RFC 9234)')
}

function checkRestart(checker: Checker, { gracefulRestart, longLivedRestart }: PeerConfig): void {
  if (gracefulRestart === undefined) return
  const least = longLivedRestart === undefined ? 1 : 0
  checker.expect(
    isInteger(gracefulRestart.time, least, 4095),
    'gracefulRestart.time',
    `not from ${least} to 4095 seconds`,
  )
}

function checkLongLived(checker: Checker, { longLivedRestart, gracefulRestart }: PeerConfig): void {
  if (longLivedRestart === undefined) return
  const { time, most = 0 } = longLivedRestart
  checker.expect(gracefulRestart !== undefined, 'longLivedRestart', 'only beside gracefulRestart')
  for (const seconds of typeof time === 'number' ? [time] : Object.values(time))
    checker.expect(isInteger(seconds, 0, 0xffffff), 'longLivedRestart.time', 'not from 0 to 16777215 seconds')
  checker.expect(isInteger(most, 0, 0xffffff), 'longLivedRestart.most', 'not from 0 to 16777215 seconds')
}

/** Checks the peer's address or interface. */
function checkLocation(
  checker: Checker,
  { address, interface: link }: PeerConfig,
  abilities: SpeakerAbilities,
): void {
  if (link !== undefined) {
    checker.expect(address === undefined, 'interface', 'an unnumbered peer has no address')
    // A valid interface name that is not also an address.
    checker.expect(/^[^\s/:%]{1,15}$/.test(link) && parseAddress(link) === undefined, 'interface', 'no name')
    checker.expect(abilities.discovery, 'interface', 'the speaker cannot discover unnumbered peers')
  } else checker.scoped(address ?? '', 'address')
}

function checkBfd(checker: Checker, timers: BfdTimers | undefined, available: boolean): void {
  if (timers === undefined) return
  checker.expect(available, 'bfd', 'the speaker has no BFD')
  const loopback = { peer: '127.0.0.1', local: '127.0.0.1' }
  try {
    validateSession({ ...loopback, ...timers })
  } catch (error) {
    if (!(error instanceof BgpConfigError)) throw error
    for (const { path, problem } of error.problems) checker.expect(false, `bfd.${path}`, problem)
  }
}

/** @throws BgpConfigError */
export function checkDynamicPeers(range: DynamicPeersConfig, abilities: SpeakerAbilities): void {
  const prefix = parsePrefix(range.prefix)
  const { prefix: _prefix, limit, ...config } = range
  if (prefix === undefined)
    throw new BgpConfigError([{ path: 'prefix', problem: `not a CIDR: ${range.prefix}` }])
  if (limit !== undefined && !isInteger(limit, 1, 0xffff))
    throw new BgpConfigError([{ path: 'limit', problem: 'not from 1 to 65535' }])
  checkPeer({ ...config, address: addressOf(prefix.bytes) }, abilities)
}

/** @throws BgpConfigError */
export function checkAnnouncement(route: Announcement): void {
  const checker = new Checker()
  checker.expect(parsePrefix(route.prefix) !== undefined, 'prefix', `not a CIDR: ${route.prefix}`)
  // An IPv4 prefix may have an IPv6 next hop (RFC 8950), but an IPv6 prefix no IPv4 one.
  checker.nextHop(route.nextHop, 'nextHop', route.prefix.includes(':') ? 6 : undefined)
  checker.u32(route.localPref, 'localPref')
  checker.u32(route.med, 'med')
  checker.communities(route.communities, 'communities', false)
  for (const [i, value] of (route.largeCommunities ?? []).entries()) {
    checker.expect(
      parseLargeCommunity(value) !== undefined,
      `largeCommunities[${i}]`,
      `not a large community: ${value}`,
    )
  }
  for (const [i, value] of (route.tags ?? []).entries())
    checker.expect(/^[^\n]+$/.test(value), `tags[${i}]`, 'empty, or with a line feed')
  for (const [i, value] of (route.extendedCommunities ?? []).entries()) {
    checker.expect(
      parseExtendedCommunity(value) !== undefined,
      `extendedCommunities[${i}]`,
      `neither 16 hex digits nor such as rt:64512:1: ${value}`,
    )
  }
  checker.done()
}

/** Returns an address of the range, so that the rest of its configuration can be checked as a peer's. */
function addressOf(bytes: Uint8Array): string {
  return isLinkLocal(bytes) ? `${formatAddress(bytes)}%any` : formatAddress(bytes)
}
