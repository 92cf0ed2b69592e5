// Checks configured policies; reports every problem with its path.
import { parseAddressOrPrefix, parsePrefix } from '../address.ts'
import { type Checker, isInteger } from '../config/checker.ts'
import type { Match, Policy, Rule } from './policy.ts'

export function checkPolicy(checker: Checker, policy: Policy | undefined, path: string): void {
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
    // As many as a segment holds (RFC 4271 section 4.3).
    checker.expect(isInteger(set.prepend.times, 0, 255), `${path}.set.prepend.times`, 'not from 0 to 255')
  }
  if (typeof set.nextHop === 'object') {
    checker.nextHop(set.nextHop.ipv4, `${path}.set.nextHop.ipv4`, 4)
    checker.nextHop(set.nextHop.ipv6, `${path}.set.nextHop.ipv6`, 6)
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
