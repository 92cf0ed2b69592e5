// Policy rules: what each condition matches, what each action changes, and the order of rules.
import { expect } from 'chai'
import { parseAddress, parsePrefix } from '../address.ts'
import type { PathAttributes } from '../packet/attributes.ts'
import { AttributeTable } from '../rib/attribute-table.ts'
import { PrefixTable } from '../rib/prefix-table.ts'
import type { Source } from '../rib/source.ts'
import { internAttributes, PolicyEngine } from './engine.ts'
import type { Actions, Match, Policy } from './policy.ts'

const SOURCE: Source = {
  index: 3,
  kind: 'ebgp',
  address: '192.0.2.7',
  addressBytes: parseAddress('192.0.2.7')!,
  zone: undefined,
  routerId: 7,
  client: false,
}
const PATH: PathAttributes = {
  origin: 'igp',
  asPath: [
    { kind: 'sequence', asns: [65001, 65002, 4_200_000_001] },
    { kind: 'set', asns: [7, 8] },
  ],
  nextHop: '192.0.2.99',
  med: 5,
  localPref: 100,
  communities: [(64512 << 16) >>> 0, 0xffff029a],
  largeCommunities: [[64512, 1, 2]],
  extendedCommunities: ['0002fc0000000064'],
}

class Run {
  readonly attributes = new AttributeTable()
  readonly prefixes = new PrefixTable(1)
  readonly prefixes6 = new PrefixTable(4)

  /** The path after the policy; undefined: rejected, for `reason`. */
  evaluate(
    policy: Policy,
    prefix = '10.1.2.0/24',
    path = PATH,
    source = SOURCE,
  ): { path: PathAttributes | undefined; reason: string } {
    const engine = new PolicyEngine(policy, this.attributes)
    const family = prefix.includes(':') ? 'ipv6-unicast' : 'ipv4-unicast'
    const table = family === 'ipv4-unicast' ? this.prefixes : this.prefixes6
    const id = internAttributes(this.attributes, path)
    const args = [id, source, family, table, table.find(parsePrefix(prefix)!, true)] as const
    const result = engine.evaluate(...args)
    // The second time the verdict comes from the cache.
    expect(engine.evaluate(...args)).to.equal(result)
    return { path: result < 0 ? undefined : this.attributes.decode(result), reason: engine.reason }
  }

  matches(match: Match, prefix?: string, path?: PathAttributes, source?: Source): boolean {
    const policy: Policy = { rules: [{ name: 'r', match, verdict: 'accept' }], otherwise: 'reject' }
    return this.evaluate(policy, prefix, path, source).path !== undefined
  }

  apply(set: Actions, path?: PathAttributes, prefix?: string): PathAttributes {
    return this.evaluate(
      { rules: [{ name: 'r', set, verdict: 'accept' }], otherwise: 'reject' },
      prefix,
      path,
    ).path!
  }
}

describe('policy', () => {
  let run: Run
  beforeEach(() => {
    run = new Run()
  })

  describe('matches', () => {
    const cases: readonly (readonly [string, Match, boolean])[] = [
      ['everything without a condition', {}, true],
      ['the very prefix', { prefixes: [{ prefix: '10.1.2.0/24' }] }, true],
      ['not what lies inside, by default', { prefixes: [{ prefix: '10.1.0.0/16' }] }, false],
      ['lengths up to', { prefixes: [{ prefix: '10.1.0.0/16', maxLength: 24 }] }, true],
      ['not beyond', { prefixes: [{ prefix: '10.1.0.0/16', maxLength: 23 }] }, false],
      ['lengths from', { prefixes: [{ prefix: '10.0.0.0/8', minLength: 24, maxLength: 32 }] }, true],
      ['not below', { prefixes: [{ prefix: '10.0.0.0/8', minLength: 25, maxLength: 32 }] }, false],
      ['not elsewhere', { prefixes: [{ prefix: '10.2.0.0/16', maxLength: 32 }] }, false],
      ['one of several', { prefixes: [{ prefix: '10.9.0.0/16' }, { prefix: '10.1.2.0/24' }] }, true],
      ['nothing of an empty list', { prefixes: [] }, false],
      ['no prefix of the other family', { prefixes: [{ prefix: '::/0', maxLength: 128 }] }, false],
      ['its family', { families: ['ipv4-unicast'] }, true],
      ['not the other family', { families: ['ipv6-unicast'] }, false],
      ['its kind of source', { sources: ['local', 'ebgp'] }, true],
      ['not another', { sources: ['ibgp'] }, false],
      ['its neighbour', { neighbours: ['192.0.2.7'] }, true],
      ['a neighbour in a range', { neighbours: ['192.0.2.0/24'] }, true],
      ['not another neighbour', { neighbours: ['192.0.2.8', 'fd00::/8'] }, false],
      ['its next hop', { nextHops: ['192.0.2.96/27'] }, true],
      ['not another next hop', { nextHops: ['192.0.2.0/26'] }, false],
      ['a community', { communities: ['1:1', '64512:0'] }, true],
      ['a community by its name', { communities: ['blackhole'] }, true],
      ['a large community', { communities: ['64512:1:2'] }, true],
      ['an extended community', { communities: ['rt:64512:100'] }, true],
      ['an extended community in hex', { communities: ['0x0002fc0000000064'] }, true],
      ['no other extended one', { communities: ['soo:64512:100', 'rt:64512:101'] }, false],
      ['not others', { communities: ['64512:1', '64512:1:3'] }, false],
      ['an AS in the path', { asPath: { contains: 4_200_000_001 } }, true],
      ['an AS in a set', { asPath: { contains: 8 } }, true],
      ['not an AS elsewhere', { asPath: { contains: 65003 } }, false],
      ['the neighbouring AS', { asPath: { neighbour: 65001 } }, true],
      ['not another neighbouring AS', { asPath: { neighbour: 65002 } }, false],
      ['the last AS', { asPath: { origin: 8 } }, true],
      ['not another last AS', { asPath: { origin: 65001 } }, false],
      ['a length, in which a set counts once', { asPath: { minLength: 4, maxLength: 4 } }, true],
      ['not a longer one', { asPath: { maxLength: 3 } }, false],
      ['not a shorter one', { asPath: { minLength: 5 } }, false],
      [
        'all conditions together',
        { communities: ['64512:0'], asPath: { origin: 8 }, sources: ['ebgp'] },
        true,
      ],
      ['not when one fails', { communities: ['64512:0'], asPath: { origin: 9 } }, false],
    ]
    for (const [title, match, expected] of cases)
      it(title, () => expect(run.matches(match)).to.equal(expected))

    it('nothing of a path without the attribute', () => {
      const bare: PathAttributes = { origin: 'igp', asPath: [] }
      for (const match of [
        { communities: ['64512:0', '1:2:3'] },
        { nextHops: ['0.0.0.0/0', '::/0'] },
        { asPath: { origin: 1 } },
        { asPath: { contains: 1 } },
        { asPath: { neighbour: 1 } },
      ] satisfies Match[])
        expect(run.matches(match, undefined, bare), JSON.stringify(match)).to.equal(false)
    })

    it('a tag of a route of our own, and nothing that a peer sends in its place', () => {
      const own: PathAttributes = { origin: 'igp', asPath: [], tags: ['pods', 'services'] }
      expect(run.matches({ tags: ['nodes', 'services'] }, undefined, own)).to.equal(true)
      expect(run.matches({ tags: ['service'] }, undefined, own)).to.equal(false)
      expect(run.matches({ tags: [] }, undefined, own)).to.equal(false)
      expect(run.matches({ tags: ['pods'] })).to.equal(false)
      const sent = { type: 0, flags: 0xe0, value: new TextEncoder().encode('pods') }
      expect(run.matches({ tags: ['pods'] }, undefined, { ...PATH, unknown: [sent] })).to.equal(false)
    })

    it('IPv6 prefixes and next hops', () => {
      const path = { ...PATH, nextHop: 'fd00::9' }
      const match: Match = { prefixes: [{ prefix: 'fd10::/16', maxLength: 64 }], nextHops: ['fd00::/64'] }
      expect(run.matches(match, 'fd10:1::/48', path)).to.equal(true)
      expect(run.matches(match, 'fd11:1::/48', path)).to.equal(false)
    })
  })

  describe('sets', () => {
    it('LOCAL_PREF and MED, and removes MED', () => {
      expect(run.apply({ localPref: 300, med: 9 })).to.deep.include({ localPref: 300, med: 9 })
      expect(run.apply({ med: null })).to.not.have.property('med')
    })

    it('communities, standard and large, without doubles', () => {
      const added = run.apply({ addCommunities: ['64512:0', '1:2', 'no-export', '9:9:9'] })
      expect(added.communities).to.deep.equal([0x10002, 0xfc000000, 0xffff029a, 0xffffff01])
      expect(added.largeCommunities).to.deep.equal([
        [64512, 1, 2],
        [9, 9, 9],
      ])
      const extended = ['rt:64512:100', 'soo:4200000000:1', 'rt:192.0.2.1:7']
      expect(run.apply({ addCommunities: extended }).extendedCommunities).to.deep.equal([
        '0002fc0000000064',
        '0102c00002010007',
        '0203fa56ea000001',
      ])
      expect(run.apply({ removeCommunities: extended }).extendedCommunities ?? []).to.deep.equal([])
      const removed = run.apply({ removeCommunities: ['blackhole', '64512:1:2'] })
      expect(removed.communities).to.deep.equal([0xfc000000])
      expect(removed.largeCommunities ?? []).to.deep.equal([])
      expect(run.apply({ removeCommunities: 'all' })).to.not.have.any.keys('communities', 'largeCommunities')
    })

    it('more of an AS before the path', () => {
      const path = run.apply({ prepend: { asn: 64999, times: 3 } }).asPath
      expect(path?.[0]).to.deep.equal({
        kind: 'sequence',
        asns: [64999, 64999, 64999, 65001, 65002, 4_200_000_001],
      })
      expect(
        run.apply({ prepend: { asn: 1, times: 2 } }, { origin: 'igp', asPath: [] }).asPath,
      ).to.deep.equal([{ kind: 'sequence', asns: [1, 1] }])
      // A segment holds 255: what has no room goes into one of its own.
      const most = run.apply({ prepend: { asn: 1, times: 255 } }).asPath
      expect(most?.map((segment) => segment.asns.length)).to.deep.equal([
        255,
        ...PATH.asPath!.map((s) => s.asns.length),
      ])
    })

    it('the next hop, to an address of the family or to our own', () => {
      expect(run.apply({ nextHop: { ipv4: '192.0.2.1', ipv6: 'fd00::1' } }).nextHop).to.equal('192.0.2.1')
      expect(run.apply({ nextHop: { ipv6: 'fd00::1' } }).nextHop).to.equal('192.0.2.99')
      expect(run.apply({ nextHop: { ipv6: 'fd00::1' } }, PATH, 'fd10::/48').nextHop).to.equal('fd00::1')
      expect(run.apply({ nextHop: 'self' })).to.not.have.property('nextHop')
    })
  })

  describe('goes through its rules', () => {
    const rule = (
      name: string,
      verdict: 'accept' | 'reject' | 'next',
      match: Match = {},
      set: Actions = {},
    ) => ({
      name,
      verdict,
      match,
      set,
    })
    const elsewhere: Match = { prefixes: [{ prefix: '10.9.0.0/16' }] }

    it('in order, to the first that decides', () => {
      const rules = [rule('a', 'reject', elsewhere), rule('b', 'accept'), rule('c', 'reject')]
      expect(run.evaluate({ rules, otherwise: 'reject' }).path).to.not.equal(undefined)
      const reversed = run.evaluate({ rules: rules.toReversed(), otherwise: 'accept' })
      expect(reversed).to.deep.equal({ path: undefined, reason: 'c' })
    })

    it('and applies what `next` rules set, each only where it matches', () => {
      const rules = [
        rule('a', 'next', {}, { localPref: 50 }),
        rule('b', 'next', elsewhere, { med: 1 }),
        rule('c', 'accept', {}, { addCommunities: ['1:1'] }),
      ]
      const there = run.evaluate({ rules, otherwise: 'reject' }, '10.9.0.0/16').path
      const here = run.evaluate({ rules, otherwise: 'reject' }).path
      expect([there?.localPref, there?.med, there?.communities?.[0]]).to.deep.equal([50, 1, 0x10001])
      expect([here?.localPref, here?.med, here?.communities?.[0]]).to.deep.equal([50, 5, 0x10001])
    })

    it('and ends with `otherwise`', () => {
      expect(run.evaluate({ rules: [], otherwise: 'reject' })).to.deep.equal({
        path: undefined,
        reason: 'otherwise',
      })
      expect(
        run.evaluate({ rules: [rule('a', 'reject', elsewhere)], otherwise: 'accept' }).path,
      ).to.deep.equal(run.apply({}))
    })
  })
})
