import { Table } from '@podroute/reconcile/table.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { FakeNft } from '../testing/fake-nft.ts'
import type { NftTable } from './definition.ts'
import { SetElementResource, touchSets } from './element-resource.ts'
import { ForeignChanges } from './foreign-changes.ts'
import { NftTableResource, type NftTables, TABLE } from './table-resource.ts'

const TOYS: NftTable = {
  name: 'podroute-toys',
  sets: {
    'toys-4': { key: ['ipv4_addr'] },
    'rooms-4': { key: ['ipv4_addr'] },
    'marks-6': { key: ['ipv6_addr', 'inet_service'], value: ['mark'] },
  },
  chains: {
    filter: {
      hook: 'type filter hook input priority filter; policy accept;',
      rules: ['ip saddr @toys-4 drop', 'ip saddr @rooms-4 accept'],
    },
  },
}
const RULES = TOYS.chains.filter!.rules
const STRANGER = 'insert rule inet podroute-toys filter accept\n'

/** Nftables where somebody runs a script after each of our first `times` loads. */
function disturbed(nft: FakeNft, script: string, times: number): NftTables {
  let left = times
  return {
    elements: (table, set) => nft.elements(table, set),
    show: (command) => nft.show(command),
    generation: () => nft.generation(),
    async run(ours) {
      await nft.run(ours)
      if (ours.startsWith('add table') && left-- > 0) await nft.run(script)
    },
  }
}

function wanting(nft: NftTables, table: NftTable, made: string[] = []) {
  const clock = new ManualClock()
  const resource = new NftTableResource(nft, TOYS.name, {
    isForOneObject: (name) => name.startsWith('one-'),
    made: (names) => void made.push(...names),
  })
  const rules = new Table(resource, { clock, random: () => 1 })
  rules.set(TABLE, table)
  return { rules, clock }
}

const rulesIn = (nft: FakeNft) => nft.tables.get(`inet ${TOYS.name}`)?.chains.get('filter')?.rules
const markers = (nft: FakeNft) =>
  [...nft.tables.get(`inet ${TOYS.name}`)!.chains.keys()].filter((name) => name.includes('fingerprint'))

describe('loading a table while somebody else writes', () => {
  it('takes nothing of what he does for its own', async () => {
    const nft = new FakeNft()
    const { rules } = wanting(disturbed(nft, STRANGER, 1), TOYS)
    expect(await rules.flush()).to.deep.equal({ applied: 1, failed: 0 })
    expect(rulesIn(nft)).to.deep.equal(RULES)
    expect(await rules.audit()).to.deep.equal([])
    await nft.run(STRANGER)
    expect(await rules.audit()).to.have.length(1)
  })

  it('goes on when he writes somewhere else', async () => {
    const nft = new FakeNft()
    const { rules } = wanting(disturbed(nft, 'add table inet others\nadd chain inet others c\n', 1), TOYS)
    await rules.flush()
    expect([...rules.failures()]).to.deep.equal([])
    expect(await rules.audit()).to.deep.equal([])
    expect(markers(nft)).to.have.length(1)
  })

  it('does not begin again for what we write ourselves meanwhile', async () => {
    const nft = new FakeNft()
    const ours = new ForeignChanges(() => nft.generation())
    let loads = 0
    const api: NftTables = {
      elements: (table, set) => nft.elements(table, set),
      show: (command) => nft.show(command),
      generation: () => nft.generation(),
      foreignRevision: () => ours.revision(),
      async run(script) {
        await ours.own(() => nft.run(script))
        if (!script.startsWith('add table')) return
        loads++
        await ours.own(() => nft.run('add table inet podroute-other\n'))
      },
    }
    const { rules } = wanting(api, TOYS)
    expect(await rules.flush()).to.deep.equal({ applied: 1, failed: 0 })
    expect(loads).to.equal(1)
    expect(await rules.audit()).to.deep.equal([])
  })

  it('says so when he does not stop, vouches for nothing, and is right once he has', async () => {
    const nft = new FakeNft()
    const { rules, clock } = wanting(disturbed(nft, STRANGER, 5), TOYS)
    expect(await rules.flush()).to.deep.equal({ applied: 0, failed: 1 })
    expect([...rules.failures()].map(([, error]) => error.message)).to.deep.equal([
      'other programs changed nftables each time that table inet podroute-toys was loaded: it is loaded again later',
    ])
    expect(markers(nft)).to.deep.equal([])
    await clock.advance(60_000)
    expect(await rules.flush()).to.deep.equal({ applied: 1, failed: 0 })
    expect(rulesIn(nft)).to.deep.equal(RULES)
    expect(await rules.audit()).to.deep.equal([])
  })
})

describe('a table whose sets have other types than in an earlier version', () => {
  const NEWER: NftTable = {
    ...TOYS,
    sets: {
      ...TOYS.sets,
      'toys-4': { key: ['ipv4_addr'], interval: true },
      'marks-6': { key: ['ipv6_addr', 'inet_service'], value: ['ipv6_addr'] },
    },
  }

  const MARK = 'add element inet podroute-toys marks-6 { fd00::1 . 80 : 0x00000001 }'
  const ELEMENTS = ['toys-4 { 10.0.0.1, 10.0.0.2 }', 'rooms-4 { 10.0.0.3 }']

  async function upgraded(from: NftTable, to: NftTable, ...commands: readonly string[]) {
    const nft = new FakeNft()
    await wanting(nft, from).rules.flush()
    const adds = ELEMENTS.map((elements) => `add element inet podroute-toys ${elements}`)
    await nft.run([...adds, ...commands].join('\n'))
    nft.scripts.length = 0
    const made: string[] = []
    const { rules } = wanting(nft, to, made)
    await rules.adopt()
    await rules.flush()
    expect([...rules.failures()]).to.deep.equal([])
    const sets = nft.tables.get(`inet ${TOYS.name}`)!.sets
    const elements = Object.fromEntries([...sets].map(([name, set]) => [name, [...set.elements]]))
    return { nft, rules, made, elements, sets }
  }

  it('is replaced in one transaction, with every element that means the same', async () => {
    const { nft, rules, made, elements, sets } = await upgraded(TOYS, NEWER, MARK)
    expect(elements).to.deep.equal({
      'toys-4': ['10.0.0.1', '10.0.0.2'],
      'rooms-4': ['10.0.0.3'],
      'marks-6': [],
    })
    expect(sets.get('toys-4')!.lines).to.deep.equal(['type ipv4_addr', 'flags interval'])
    expect(sets.get('marks-6')!.lines).to.deep.equal(['type ipv6_addr . inet_service : ipv6_addr'])
    expect(nft.scripts.filter((script) => /delete|add (set|rule|element)/.test(script))).to.have.length(2)
    expect(nft.scripts[0]).to.include('delete set').and.include('add element').and.include('add rule')
    expect(nft.scripts[1]).to.not.match(/set|map|rule|element/)
    expect(made).to.have.members(['toys-4', 'marks-6'])
    expect(rulesIn(nft)).to.deep.equal(RULES)
    expect(await rules.audit()).to.deep.equal([])
  })

  it('goes back to the earlier version likewise', async () => {
    const { elements, sets } = await upgraded(NEWER, TOYS)
    // There may be prefixes among them, which are no single addresses.
    expect(elements).to.deep.equal({ 'toys-4': [], 'rooms-4': ['10.0.0.3'], 'marks-6': [] })
    expect(sets.get('toys-4')!.lines).to.deep.equal(['type ipv4_addr'])
  })

  it('has those elements back in the next flush that the transaction could not keep', async () => {
    const nft = new FakeNft()
    await wanting(nft, NEWER).rules.flush()
    await nft.run('add element inet podroute-toys toys-4 { 10.0.0.1 }')
    const elements = new Table(new SetElementResource(nft, TOYS.name, TOYS.sets))
    const rules = new Table(
      new NftTableResource(nft, TOYS.name, { made: (sets) => touchSets(elements, sets) }),
    )
    rules.set(TABLE, TOYS)
    elements.set('toys-4 10.0.0.1', { set: 'toys-4', element: '10.0.0.1' })
    for (const table of [rules, elements]) await table.adopt()
    await rules.flush()
    expect(await nft.elements(TOYS.name, 'toys-4')).to.deep.equal([])
    await elements.flush()
    expect(await nft.elements(TOYS.name, 'toys-4')).to.deep.equal(['10.0.0.1'])
  })

  it('is replaced though rules of a single object name such a set', async () => {
    const { nft } = await upgraded(
      TOYS,
      NEWER,
      'add chain inet podroute-toys one-web',
      'add rule inet podroute-toys one-web ip saddr @toys-4 accept',
    )
    expect(nft.tables.get('inet podroute-toys')!.chains.get('one-web')!.rules).to.deep.equal([])
  })
})
