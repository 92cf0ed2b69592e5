/** What a change of sets, chains and rules does, to the fake nftables and to the real one. */
import { expect } from 'chai'
import type { NftApi, StructureChange } from '../nft/api.ts'
import { listTable } from '../nft/listing.ts'

const TABLE = 'podroute-structure'
/** All forms that rules of policies have. */
export const RULES: readonly string[] = [
  'ip saddr . ip daddr @pairs-4 return',
  'ip6 saddr . ip6 daddr @pairs-6 return',
  'ip saddr @pods-4 return',
  'ip saddr @pods-4 tcp dport 8000 return',
  'ip6 daddr @pods-6 meta l4proto 17 return',
  'ip6 saddr @pods-6 udp dport { 53, 80-90 } goto denied',
  'ip daddr . meta l4proto . th dport @ports-4 return',
  'ip6 daddr . meta l4proto . th dport @ports-6 return',
  'ip saddr 10.1.2.3 return',
  'ip saddr 10.0.0.0/8 sctp dport 5000-5010 return',
  'ip daddr 10.1.128.0/17 return',
  'ip daddr 128.0.0.0/1 return',
  'ip saddr 10.1.0.5-10.1.0.9 return',
  'ip6 saddr fd00::1 return',
  'ip6 saddr fd00::/16 meta l4proto 132 return',
  'ip6 saddr fd00::/17 return',
  'ip6 daddr fd00::5-fd00::9 return',
  'ip saddr { 1.1.1.1, 2.2.2.2 } return',
  'ip saddr { 0.0.0.0/8, 10.1.0.5-10.1.0.9, 11.0.0.0/8, 12.0.0.1, 224.0.0.0/3 } tcp dport 80 return',
  'ip6 daddr { fd00::1, fd01::/16, ff00::/8 } udp dport { 1, 3, 65000-65535 } return',
  'ip6 saddr { fd00::1, fd00::3 } return',
  'tcp dport 1024-65535 return',
  'tcp dport { 80, 443, 8080 } return',
  'meta l4proto 6 return',
  'ip saddr @pods-4 goto denied',
  'ip saddr 192.0.2.0/24 drop',
  'return',
  'goto denied',
]
const SETS: readonly StructureChange[] = [
  { kind: 'add-set', set: 'pods-4', type: { key: ['ipv4_addr'] } },
  { kind: 'add-set', set: 'pods-6', type: { key: ['ipv6_addr'] } },
  { kind: 'add-set', set: 'pairs-4', type: { key: ['ipv4_addr', 'ipv4_addr'] } },
  { kind: 'add-set', set: 'pairs-6', type: { key: ['ipv6_addr', 'ipv6_addr'] } },
  { kind: 'add-set', set: 'ports-4', type: { key: ['ipv4_addr', 'inet_proto', 'inet_service'] } },
  { kind: 'add-set', set: 'ports-6', type: { key: ['ipv6_addr', 'inet_proto', 'inet_service'] } },
]
/** What sets and rules are made of that are written. */
export const STRUCTURE: readonly StructureChange[] = [
  ...SETS,
  { kind: 'add-chain', chain: 'judged' },
  { kind: 'add-chain', chain: 'denied' },
  ...RULES.map((rule) => ({ kind: 'add-rule', chain: 'judged', rule }) as const),
  { kind: 'add-rule', chain: 'denied', rule: 'drop' },
]

type Nft = Pick<NftApi, 'run' | 'show' | 'writeStructure'>

/** @param open with nothing in it; closed by the caller */
export function describeStructure(name: string, open: () => Nft | Promise<Nft>): void {
  describe(`changes of sets, chains and rules of ${name}`, () => {
    let nft: Nft
    const write = (...changes: StructureChange[]) =>
      nft.writeStructure(TABLE, changes).then(
        () => 'done',
        ({ code }) => code,
      )
    beforeEach(async () => {
      nft = await open()
      await nft.run(`add table inet ${TABLE}\n`)
      expect(await write(...STRUCTURE)).to.equal('done')
    })

    it('are there as they are written', async () => {
      const { chains, sets } = await listTable(nft, TABLE)
      expect(chains.get('judged')).to.deep.equal(RULES)
      expect(chains.get('denied')).to.deep.equal(['drop'])
      expect(Object.fromEntries(sets)).to.deep.equal({
        'pods-4': ['type ipv4_addr'],
        'pods-6': ['type ipv6_addr'],
        'pairs-4': ['type ipv4_addr . ipv4_addr'],
        'pairs-6': ['type ipv6_addr . ipv6_addr'],
        'ports-4': ['type ipv4_addr . inet_proto . inet_service'],
        'ports-6': ['type ipv6_addr . inet_proto . inet_service'],
      })
    })

    it('may be made again without harm: only rules are added', async () => {
      expect(await write(...SETS, { kind: 'add-chain', chain: 'denied' })).to.equal('done')
      expect((await listTable(nft, TABLE)).chains.get('denied')).to.deep.equal(['drop'])
    })

    it('empty a chain, put other rules in, and take chains and sets away', async () => {
      const changed = await write(
        { kind: 'flush-chain', chain: 'judged' },
        { kind: 'add-rule', chain: 'judged', rule: 'tcp dport { 80, 82 } return' },
        { kind: 'flush-chain', chain: 'denied' },
        { kind: 'delete-chain', chain: 'denied' },
        { kind: 'delete-set', set: 'pods-4' },
      )
      expect(changed).to.equal('done')
      const { chains, sets } = await listTable(nft, TABLE)
      expect(Object.fromEntries(chains)).to.deep.equal({ judged: ['tcp dport { 80, 82 } return'] })
      expect([...sets.keys()].sort()).to.deep.equal(['pairs-4', 'pairs-6', 'pods-6', 'ports-4', 'ports-6'])
    })

    for (const [what, code, bad] of [
      ['a set is deleted that a rule names', 'EBUSY', { kind: 'delete-set', set: 'pods-4' }],
      ['a set is deleted that is not there', 'ENOENT', { kind: 'delete-set', set: 'others-4' }],
      ['a chain is emptied that is not there', 'ENOENT', { kind: 'flush-chain', chain: 'others' }],
      [
        'a rule names a set that is not there',
        'ENOENT',
        { kind: 'add-rule', chain: 'judged', rule: 'ip saddr @others-4 return' },
      ],
    ] as const)
      it(`are not done where ${what}`, async () => {
        const others: readonly StructureChange[] = [
          { kind: 'add-chain', chain: 'new' },
          { kind: 'flush-chain', chain: 'denied' },
        ]
        for (const changes of [
          [bad, ...others],
          [...others, bad],
        ]) {
          expect(await write(...changes)).to.equal(code)
          const { chains } = await listTable(nft, TABLE)
          expect([...chains.keys()].sort()).to.deep.equal(['denied', 'judged'])
          expect(chains.get('denied')).to.deep.equal(['drop'])
        }
      })
  })
}
