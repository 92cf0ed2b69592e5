// The import policy of the benchmark in each device's words: rules of all kinds that let everything pass, the last one by its set.
import type { Policy, Rule } from 'bgp-speaker-ts/policy/policy.ts'
import type { IpFamily } from './bgp-scenario.ts'

interface Space {
  readonly all: string
  /** Somebody's own: prefixes from its own length on. */
  readonly own: string
  readonly ownLength: number
  /** Longer ones are rejected. */
  readonly longest: number
  readonly bits: number
  readonly foreignHop: string
}

const SPACE: Readonly<Record<IpFamily, Space>> = {
  ipv4: {
    all: '0.0.0.0/0',
    own: '10.200.0.0/16',
    ownLength: 16,
    longest: 24,
    bits: 32,
    foreignHop: '192.0.2.1',
  },
  ipv6: {
    all: '::/0',
    own: 'fd77::/16',
    ownLength: 16,
    longest: 48,
    bits: 128,
    foreignHop: '2001:db8:99::1',
  },
}

export function ourRules(family: IpFamily): Policy {
  const { all, own, longest, bits, foreignHop } = SPACE[family]
  const rules: readonly Rule[] = [
    { name: 'default-route', match: { prefixes: [{ prefix: all }] }, verdict: 'reject' },
    { name: 'own-space', match: { prefixes: [{ prefix: own, maxLength: bits }] }, verdict: 'reject' },
    {
      name: 'too-long',
      match: { prefixes: [{ prefix: all, minLength: longest + 1, maxLength: bits }] },
      verdict: 'reject',
    },
    { name: 'blackholed', match: { communities: ['65535:666'] }, verdict: 'reject' },
    { name: 'private-origin', match: { asPath: { origin: 64999 } }, verdict: 'reject' },
    { name: 'long-path', match: { asPath: { minLength: 64 } }, verdict: 'reject' },
    { name: 'foreign-hop', match: { nextHops: [foreignHop] }, verdict: 'reject' },
    { name: 'customer', match: { asPath: { contains: 64998 } }, set: { localPref: 300 }, verdict: 'next' },
    {
      name: 'tagged',
      match: { communities: ['64998:1'] },
      set: { addCommunities: ['64512:1'] },
      verdict: 'next',
    },
    { name: 'rest', verdict: 'accept' },
  ]
  return { rules, otherwise: 'accept' }
}

/** As the body of a BIRD filter. */
export function birdRules(family: IpFamily): string {
  const { all, own, ownLength, longest, bits, foreignHop } = SPACE[family]
  return `
    if net ~ [ ${all} ] then reject;
    if net ~ [ ${own}{${ownLength},${bits}} ] then reject;
    if net ~ [ ${all}{${longest + 1},${bits}} ] then reject;
    if (65535,666) ~ bgp_community then reject;
    if bgp_path.last = 64999 then reject;
    if bgp_path.len >= 64 then reject;
    if bgp_next_hop = ${foreignHop} then reject;
    if bgp_path ~ [= * 64998 * =] then bgp_local_pref = 300;
    if (64998,1) ~ bgp_community then bgp_community.add((64512,1));
    accept;`
}

/** As a part of GoBGP's configuration: the policy, and that it is applied to what is imported. */
export function gobgpRules(family: IpFamily): string {
  const { all, own, ownLength, longest, bits, foreignHop } = SPACE[family]
  const prefixSet = (name: string, prefix: string, range: string) => `
[[defined-sets.prefix-sets]]
  prefix-set-name = "${name}"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "${prefix}"
    masklength-range = "${range}"`
  const set = (kind: string, list: string, name: string, value: string) => `
[[defined-sets.bgp-defined-sets.${kind}-sets]]
  ${kind}-set-name = "${name}"
  ${list} = ["${value}"]`
  const statement = (name: string, conditions: string, actions: string) => `
  [[policy-definitions.statements]]
    name = "${name}"
    [policy-definitions.statements.conditions${conditions}
    [policy-definitions.statements.actions${actions}`
  const REJECT = `]
      route-disposition = "reject-route"`
  const prefixes = (name: string) => `.match-prefix-set]
      prefix-set = "${name}"`
  const communities = (name: string) => `.bgp-conditions.match-community-set]
      community-set = "${name}"`
  const path = (name: string) => `.bgp-conditions.match-as-path-set]
      as-path-set = "${name}"`
  return [
    prefixSet('default-route', all, '0..0'),
    prefixSet('own-space', own, `${ownLength}..${bits}`),
    prefixSet('too-long', all, `${longest + 1}..${bits}`),
    set('community', 'community-list', 'blackholed', '65535:666'),
    set('community', 'community-list', 'tagged', '64998:1'),
    set('as-path', 'as-path-list', 'private-origin', '_64999$'),
    set('as-path', 'as-path-list', 'customer', '_64998_'),
    `
[[policy-definitions]]
  name = "import"`,
    statement('default-route', prefixes('default-route'), REJECT),
    statement('own-space', prefixes('own-space'), REJECT),
    statement('too-long', prefixes('too-long'), REJECT),
    statement('blackholed', communities('blackholed'), REJECT),
    statement('private-origin', path('private-origin'), REJECT),
    statement(
      'long-path',
      `.bgp-conditions.as-path-length]
      operator = "ge"
      value = 64`,
      REJECT,
    ),
    statement(
      'foreign-hop',
      `.bgp-conditions]
      next-hop-in-list = ["${foreignHop}"]`,
      REJECT,
    ),
    statement(
      'customer',
      path('customer'),
      `.bgp-actions]
      set-local-pref = 300`,
    ),
    statement(
      'tagged',
      communities('tagged'),
      `.bgp-actions.set-community]
      options = "add"
      [policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
        communities-list = ["64512:1"]`,
    ),
    `
  [[policy-definitions.statements]]
    name = "rest"
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
[global.apply-policy.config]
  import-policy-list = ["import"]
  default-import-policy = "accept-route"`,
  ].join('\n')
}
