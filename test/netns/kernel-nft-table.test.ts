/** A feature's nftables table in a real namespace: what is loaded is seen again, and so is whatever somebody does to it. */
import { type NftTable, tableScript } from '@podroute/kernel/nft/definition.ts'
import { listTable } from '@podroute/kernel/nft/listing.ts'
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { NftTableResource, TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { expect } from 'chai'

const NETNS = 'pr-nft-table'

const PAGES: NftTable = {
  name: 'podroute-toys',
  sets: {
    'toys-4': { key: ['ipv4_addr'], interval: true },
    'toy-rooms-4': { key: ['ipv4_addr'], value: 'verdict' },
    'toy-marks-4': { key: ['ipv4_addr', 'inet_service'], value: ['mark'] },
  },
  chains: {
    filter: {
      hook: 'type filter hook input priority filter; policy accept;',
      rules: [
        'ip saddr @toys-4 jump verdict',
        'meta l4proto tcp meta mark set ip daddr . tcp dport map @toy-marks-4',
      ],
    },
    verdict: { rules: ['counter drop'] },
  },
}
const OTHER: NftTable = {
  ...PAGES,
  chains: { filter: { ...PAGES.chains.filter!, rules: ['ip saddr @toys-4 drop'] } },
}

describe('the nftables table of a feature', () => {
  let nft: ReturnType<typeof openNft>

  beforeEach(() => {
    removeNetns(NETNS)
    nft = openNft({ netns: createNetns(NETNS) })
  })
  afterEach(() => {
    nft[Symbol.dispose]()
    removeNetns(NETNS)
  })

  /** What a new agent sees and does. */
  async function start(wanted: NftTable | undefined) {
    const table = new Table(new NftTableResource(nft, PAGES.name))
    if (wanted) table.set(TABLE, wanted)
    await table.adopt()
    const pending = table.pending().map(({ kind }) => kind)
    if (!wanted) table.sweep()
    await table.flush()
    expect([...table.failures()]).to.deep.equal([])
    return { table, pending }
  }

  it('is loaded once: the next agent finds it as it wants it', async () => {
    expect((await start(PAGES)).pending).to.deep.equal(['add'])
    await nft.run('add element inet podroute-toys toys-4 { 10.0.0.0/8 }')
    expect((await start(PAGES)).pending).to.deep.equal([])
    expect(await nft.show('list set inet podroute-toys toys-4')).to.include('toys-4')
  })

  it('takes no two prefixes that overlap into a set', async () => {
    await start(PAGES)
    const add = (element: string) =>
      nft.run(`add element inet podroute-toys toys-4 { ${element} }`).catch(({ code }) => code)
    for (const element of ['10.1.0.0/16', '10.1.0.0/16']) expect(await add(element)).to.equal(undefined)
    for (const element of ['10.0.0.0/8', '10.1.2.3']) expect(await add(element), element).to.equal('NFT')
    expect(await add('10.2.0.0/16')).to.equal(undefined)
  })

  it('is loaded anew by an agent that wants other rules, with what the older ones had taken away', async () => {
    await start(PAGES)
    expect((await start(OTHER)).pending).to.deep.equal(['replace'])
    const text = await nft.show('list table inet podroute-toys')
    expect(text).to.not.include('chain verdict').and.not.include('jump')
    expect(text.match(/chain podroute-fingerprint/g)).to.have.length(1)
    expect((await start(OTHER)).pending).to.deep.equal([])
  })

  for (const [what, command] of [
    ['flushes a chain', 'flush chain inet podroute-toys filter'],
    ['flushes a chain that others lead to', 'flush chain inet podroute-toys verdict'],
    ['adds a rule', 'insert rule inet podroute-toys filter accept'],
    ['adds a chain', 'add chain inet podroute-toys other'],
    [
      'puts a chain of that name there that is hooked to nothing',
      'flush chain inet podroute-toys filter; delete chain inet podroute-toys filter; add chain inet podroute-toys filter',
    ],
    ['deletes a set that no rule names', 'delete map inet podroute-toys toy-rooms-4'],
    ['deletes the table', 'delete table inet podroute-toys'],
  ] as const) {
    it(`is put back after somebody ${what}`, async () => {
      const { table } = await start(PAGES)
      const before = await listTable(nft, PAGES.name)
      await nft.run(`${command}\n`)
      expect(await table.audit()).to.have.length(1)
      await table.flush()
      expect(await listTable(nft, PAGES.name)).to.deep.equal(before)
      expect(await table.audit()).to.deep.equal([])
    })
  }

  it('takes nothing for its own that somebody does to it while it is loaded', async () => {
    let disturbed = 0
    const busy = {
      ...nft,
      async run(script: string) {
        await nft.run(script)
        if (!script.startsWith('add table') || ++disturbed > 2) return
        await nft.run(
          disturbed === 1 ? 'insert rule inet podroute-toys filter accept\n' : 'add table inet others\n',
        )
      },
    }
    const table = new Table(new NftTableResource(busy, PAGES.name))
    table.set(TABLE, PAGES)
    expect(await table.flush()).to.deep.equal({ applied: 1, failed: 0 })
    expect(disturbed).to.equal(3)
    const { chains } = await listTable(nft, PAGES.name)
    expect(chains.get('filter')).to.have.length(3)
    expect(await table.audit()).to.deep.equal([])
    expect((await start(PAGES)).pending).to.deep.equal([])
  })

  it('has its sets replaced whose types are others, with every element that means the same', async () => {
    const { 'toys-4': toys, 'toy-marks-4': marks, ...rooms } = PAGES.sets
    const older: NftTable = {
      ...PAGES,
      sets: {
        'toys-4': { ...toys!, interval: false },
        'toy-marks-4': { ...marks!, key: ['ipv4_addr'] },
        ...rooms,
      },
      chains: {
        filter: { ...PAGES.chains.filter!, rules: ['ip saddr @toys-4 jump verdict'] },
        verdict: { rules: [] },
      },
    }
    await start(older)
    await nft.run(
      [
        'add element inet podroute-toys toys-4 { 10.0.0.1, 10.0.0.2 }',
        'add element inet podroute-toys toy-marks-4 { 10.0.0.1 : 0x1 }',
        'add element inet podroute-toys toy-rooms-4 { 10.0.0.3 : goto verdict }\n',
      ].join('\n'),
    )
    const made: string[] = []
    const table = new Table(
      new NftTableResource(nft, PAGES.name, { made: (sets) => void made.push(...sets) }),
    )
    table.set(TABLE, PAGES)
    await table.adopt()
    await table.flush()
    expect([...table.failures()]).to.deep.equal([])
    expect(made).to.have.members(['toys-4', 'toy-marks-4'])
    const elements = async (set: string) =>
      [...(await nft.elements(PAGES.name, set, PAGES.sets[set]!))].sort()
    expect(await elements('toys-4')).to.deep.equal(['10.0.0.1/32', '10.0.0.2/32'])
    expect(await elements('toy-rooms-4')).to.deep.equal(['10.0.0.3 : goto verdict'])
    expect(await elements('toy-marks-4')).to.deep.equal([])
    expect(await table.audit()).to.deep.equal([])
    expect((await start(PAGES)).pending).to.deep.equal([])
  })

  it('is removed whole, and nothing else with it', async () => {
    await nft.run('add table inet others\n')
    await start(PAGES)
    await start(undefined)
    expect((await nft.show('list tables')).trim()).to.equal('table inet others')
    expect((await start(undefined)).pending).to.deep.equal([])
  })

  it('is listed in the families that there are, and refused where it is not there', async () => {
    for (const family of ['inet', 'ip', 'ip6', 'bridge', 'netdev']) {
      const command = `list table ${family} of-a-family`
      const refused = await nft.show(command).catch((error: unknown) => error)
      expect(refused, family).to.have.property('code', 'ENOENT')
      // One that is made just before is there when it is the listing's turn.
      void nft.run(`add table ${family} of-a-family`)
      expect(await nft.show(command), family).to.include(`table ${family} of-a-family`)
    }
  })

  it('is one transaction: a bad rule leaves what was there', async () => {
    await start(PAGES)
    const before = await nft.show('list table inet podroute-toys')
    const bad: NftTable = { ...PAGES, chains: { filter: { rules: ['no such thing'] } } }
    const error = await nft.run(tableScript(bad)).catch((e: unknown) => e)
    expect(error).to.be.instanceOf(Error)
    expect(await nft.show('list table inet podroute-toys')).to.equal(before)
  })
})
