// Checks what users wrote: every problem with its path, before anything starts.
import {
  formatAddress,
  isLinkLocal,
  parseAddress,
  parseAddressOrPrefix,
  parseId,
  parsePrefix,
  parseScoped,
  splitZone,
} from './address.ts'
import type { BfdTimers } from './bfd/config.ts'
import { validateSession } from './bfd/config.ts'
import type { Announcement, DynamicPeersConfig, PeerConfig, SpeakerConfig } from './config.ts'
import { BgpConfigError, type ConfigProblem } from './errors.ts'
import { parseCommunity, parseLargeCommunity } from './packet/communities.ts'
import type { Match, Policy, Rule } from './policy/policy.ts'

class Checker {
  readonly problems: ConfigProblem[] = []

  expect(good: boolean, path: string, problem: string): void {
    if (!good) this.problems.push({ path, problem })
  }

  asn(value: number, path: string): void {
    this.expect(isInteger(value, 1, 0xfffffffe), path, 'not an AS number from 1 to 4294967294')
  }

  address(value: string | undefined, path: string, family?: 4 | 6): void {
    if (value === undefined) return
    const length = parseAddress(value)?.length
    const wanted = family === undefined ? length !== undefined : length === (family === 4 ? 4 : 16)
    this.expect(wanted, path, `not an ${family === undefined ? 'IP' : `IPv${family}`} address: ${value}`)
  }

  /** A link-local address may have a zone. */
  scoped(value: string | undefined, path: string): void {
    if (value === undefined) return
    this.expect(parseScoped(value) !== undefined, path, `not an IP address: ${value}`)
  }

  holdTime(value: number | undefined, path: string): void {
    this.expect(
      value === undefined || value === 0 || isInteger(value, 3, 65535),
      path,
      'neither 0 nor from 3 to 65535 seconds',
    )
  }

  u32(value: number | null | undefined, path: string): void {
    this.expect(
      value === undefined || value === null || isInteger(value, 0, 0xffffffff),
      path,
      'not an unsigned 32-bit number',
    )
  }

  communities(values: readonly string[] | undefined, path: string, large: boolean): void {
    for (const [i, value] of (values ?? []).entries()) {
      const good = parseCommunity(value) !== undefined || (large && parseLargeCommunity(value) !== undefined)
      this.expect(good, `${path}[${i}]`, `not a community: ${value}`)
    }
  }

  done(): void {
    if (this.problems.length > 0) throw new BgpConfigError(this.problems)
  }
}

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

/** What the speaker was given that peers may need. */
export interface Seams {
  readonly password: boolean
  readonly ttlSecurity: boolean
  readonly bfd: boolean
  readonly discovery: boolean
}

/** @throws BgpConfigError */
export function checkPeer(peer: PeerConfig, seams: Seams): void {
  const checker = new Checker()
  checkPlace(checker, peer, seams)
  if (peer.asn !== 'external' && peer.asn !== 'internal') checker.asn(peer.asn, 'asn')
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
  checker.expect(
    peer.password === undefined || seams.password,
    'password',
    'the transport cannot set TCP-MD5 keys',
  )
  checker.expect(
    peer.password === undefined || (peer.password.length > 0 && peer.password.length <= 80),
    'password',
    'not of 1 to 80 bytes',
  )
  checker.expect(
    peer.ttlSecurityHops === undefined || seams.ttlSecurity,
    'ttlSecurityHops',
    'the transport cannot set TTL limits',
  )
  checker.address(peer.nextHop?.ipv4, 'nextHop.ipv4', 4)
  checker.address(peer.nextHop?.ipv6, 'nextHop.ipv6', 6)
  checker.expect(
    peer.maxPrefixes === undefined || isInteger(peer.maxPrefixes, 1, 0xffffffff),
    'maxPrefixes',
    'not a positive number',
  )
  const restart = peer.gracefulRestart
  checker.expect(
    restart === undefined || isInteger(restart.time, peer.longLivedRestart === undefined ? 1 : 0, 4095),
    'gracefulRestart.time',
    'not from 1 to 4095 seconds',
  )
  checkLongLived(checker, peer)
  checkBfd(checker, peer.bfd, seams.bfd)
  checkPolicy(checker, peer.importPolicy, 'importPolicy')
  checkPolicy(checker, peer.exportPolicy, 'exportPolicy')
  checker.done()
}

function checkLongLived(checker: Checker, { longLivedRestart, gracefulRestart }: PeerConfig): void {
  if (longLivedRestart === undefined) return
  const { time, most = 0 } = longLivedRestart
  checker.expect(gracefulRestart !== undefined, 'longLivedRestart', 'only beside gracefulRestart')
  for (const seconds of typeof time === 'number' ? [time] : Object.values(time))
    checker.expect(isInteger(seconds, 0, 0xffffff), 'longLivedRestart.time', 'not from 0 to 16777215 seconds')
  checker.expect(isInteger(most, 0, 0xffffff), 'longLivedRestart.most', 'not from 0 to 16777215 seconds')
}

/** Where the peer is: an address, or a link. */
function checkPlace(checker: Checker, { address, interface: link, bfd }: PeerConfig, seams: Seams): void {
  if (link !== undefined) {
    checker.expect(address === undefined, 'interface', 'an unnumbered peer has no address')
    // A name that cannot be taken for an address, and that the kernel takes.
    checker.expect(/^[^\s/:%]{1,15}$/.test(link) && parseAddress(link) === undefined, 'interface', 'no name')
    checker.expect(seams.discovery, 'interface', 'the speaker cannot discover unnumbered peers')
  } else {
    const bytes = parseScoped(address ?? '')
    checker.expect(bytes !== undefined, 'address', `not an IP address: ${address}`)
    const { zone } = splitZone(address ?? '')
    checker.expect(
      bytes === undefined || !isLinkLocal(bytes) || zone !== undefined,
      'address',
      `a link-local address without its interface: ${address}`,
    )
  }
  const linkLocal = link !== undefined || address?.includes('%') === true
  checker.expect(bfd === undefined || !linkLocal, 'bfd', 'not between link-local addresses')
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
export function checkDynamicPeers(range: DynamicPeersConfig, seams: Seams): void {
  const prefix = parsePrefix(range.prefix)
  const { prefix: _prefix, limit, ...config } = range
  if (prefix === undefined)
    throw new BgpConfigError([{ path: 'prefix', problem: `not a CIDR: ${range.prefix}` }])
  if (limit !== undefined && !isInteger(limit, 1, 0xffff))
    throw new BgpConfigError([{ path: 'limit', problem: 'not from 1 to 65535' }])
  checkPeer({ ...config, address: addressOf(prefix.bytes) }, seams)
}

/** @throws BgpConfigError */
export function checkAnnouncement(route: Announcement): void {
  const checker = new Checker()
  checker.expect(parsePrefix(route.prefix) !== undefined, 'prefix', `not a CIDR: ${route.prefix}`)
  // An IPv4 prefix may have an IPv6 next hop (RFC 8950), not the other way round.
  checker.address(route.nextHop, 'nextHop', route.prefix.includes(':') ? 6 : undefined)
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
  for (const [i, value] of (route.extendedCommunities ?? []).entries()) {
    checker.expect(
      /^[0-9a-fA-F]{16}$/.test(value),
      `extendedCommunities[${i}]`,
      `not 16 hex digits: ${value}`,
    )
  }
  checker.done()
}

function checkPolicy(checker: Checker, policy: Policy | undefined, path: string): void {
  for (const [i, rule] of (policy?.rules ?? []).entries()) checkRule(checker, rule, `${path}.rules[${i}]`)
}

function checkRule(checker: Checker, { match, set }: Rule, path: string): void {
  if (match !== undefined) checkMatch(checker, match, `${path}.match`)
  if (set === undefined) return
  checker.u32(set.localPref, `${path}.set.localPref`)
  checker.u32(set.med, `${path}.set.med`)
  checker.communities(set.addCommunities, `${path}.set.addCommunities`, true)
  if (set.removeCommunities !== 'all')
    checker.communities(set.removeCommunities, `${path}.set.removeCommunities`, true)
  if (set.prepend !== undefined) {
    checker.asn(set.prepend.asn, `${path}.set.prepend.asn`)
    checker.expect(isInteger(set.prepend.times, 0, 64), `${path}.set.prepend.times`, 'not from 0 to 64')
  }
  if (typeof set.nextHop === 'object') {
    checker.address(set.nextHop.ipv4, `${path}.set.nextHop.ipv4`, 4)
    checker.address(set.nextHop.ipv6, `${path}.set.nextHop.ipv6`, 6)
  }
}

function checkMatch(checker: Checker, match: Match, path: string): void {
  for (const [i, { prefix, minLength, maxLength }] of (match.prefixes ?? []).entries()) {
    const parsed = parsePrefix(prefix)
    const at = `${path}.prefixes[${i}]`
    checker.expect(parsed !== undefined, at, `not a CIDR: ${prefix}`)
    const bits = (parsed?.bytes.length ?? 16) * 8
    checker.expect(
      minLength === undefined || isInteger(minLength, parsed?.length ?? 0, bits),
      `${at}.minLength`,
      'not a length inside the prefix',
    )
    checker.expect(
      maxLength === undefined || isInteger(maxLength, minLength ?? parsed?.length ?? 0, bits),
      `${at}.maxLength`,
      'not a length from minLength on',
    )
  }
  for (const key of ['neighbours', 'nextHops'] as const) {
    for (const [i, value] of (match[key] ?? []).entries()) {
      checker.expect(
        parseAddressOrPrefix(value) !== undefined,
        `${path}.${key}[${i}]`,
        `neither an address nor a CIDR: ${value}`,
      )
    }
  }
  checker.communities(match.communities, `${path}.communities`, true)
}

function isInteger(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}

/** Any address of a range, to check the rest of its configuration with. */
function addressOf(bytes: Uint8Array): string {
  return isLinkLocal(bytes) ? `${formatAddress(bytes)}%any` : formatAddress(bytes)
}
