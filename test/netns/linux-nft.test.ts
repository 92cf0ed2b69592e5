/** nftables on a real kernel: scripts as transactions, by the library and by the command. */
import { NftError } from '@podroute/linux/errors.ts'
import { NftChains } from '@podroute/linux/nft/chains.ts'
import { NftGeneration } from '@podroute/linux/nft/generation.ts'
import { type NftTransaction, watchNft } from '@podroute/linux/nft/monitor.ts'
import { Nft } from '@podroute/linux/nft/nft.ts'
import { expect } from 'chai'
import { eventually, TestNetns } from './linux-support.ts'

const TABLE = `
table inet podroute {
  set vips {
    type ipv4_addr . inet_proto . inet_service
  }
  chain input {
    type filter hook input priority filter; policy accept;
    ip daddr . meta l4proto . th dport @vips accept
  }
}
`

for (const via of ['library', 'command'] as const) {
  describe(`nftables by the ${via}`, () => {
    let netns: TestNetns
    let nft: Nft

    beforeEach(async () => {
      netns = await TestNetns.create('nft')
      nft = Nft.open({ netns: netns.path, via })
    })

    afterEach(() => {
      nft[Symbol.dispose]()
      netns[Symbol.dispose]()
    })

    const tables = async () => {
      const objects = (await nft.listJson('list tables')) as { table: { family: string; name: string } }[]
      return objects.map(({ table }) => `${table.family} ${table.name}`)
    }
    const failure = (script: string) =>
      nft.run(script).then(
        () => undefined,
        (error: unknown) => error,
      )

    it('loads a table and lists what is in it', async () => {
      await nft.run(TABLE)
      await nft.run('add element inet podroute vips { 10.96.0.1 . tcp . 443, 10.96.0.10 . udp . 53 }')
      const objects = (await nft.listJson('list set inet podroute vips')) as { set?: { elem: unknown[] } }[]
      const elements = objects.find((object) => object.set)?.set?.elem
      expect(elements).to.have.deep.members([
        { concat: ['10.96.0.1', 6, 443] },
        { concat: ['10.96.0.10', 17, 53] },
      ])
    })

    it('applies all of a script or nothing', async () => {
      await nft.run(TABLE)
      const error = await failure('add table inet other\nadd rule inet podroute nowhere accept')
      expect(error).to.be.instanceOf(NftError).with.property('code', 'ENOENT')
      expect(await tables()).to.deep.equal(['inet podroute'])
    })

    it('replaces a whole table in one transaction', async () => {
      await nft.run(TABLE)
      await nft.run('add element inet podroute vips { 10.96.0.1 . tcp . 443 }')
      await nft.run(`table inet podroute\ndelete table inet podroute\n${TABLE}`)
      const [, ...objects] = (await nft.listJson('list set inet podroute vips')) as {
        set?: { elem?: unknown }
      }[]
      expect(objects.every((object) => object.set?.elem === undefined)).to.equal(true)
      expect(await tables()).to.deep.equal(['inet podroute'])
    })

    it('says what is wrong with a script', async () => {
      const error = await failure('add table inet podroute\nadd chian inet podroute c')
      expect(error).to.be.instanceOf(NftError).with.property('code', 'NFT')
      expect(String(error)).to.include('syntax error')
      expect(await tables()).to.deep.equal([])
    })

    it('runs scripts whose expressions nest deeply', async () => {
      await nft.run(TABLE)
      await nft.run(`add rule inet podroute input meta mark set ${Array(5000).fill('0x1').join(' | ')}`)
      const objects = (await nft.listJson('list chain inet podroute input')) as { rule?: unknown }[]
      expect(objects.filter((object) => object.rule)).to.have.length(2)
    })

    it('is refused a listing of what is not there', async () => {
      const error = await nft.listJson('list table inet none').then(
        () => undefined,
        (e: unknown) => e,
      )
      expect(error).to.be.instanceOf(NftError).with.property('code', 'ENOENT')
    })

    it('does not run for what is known to be missing, which is asked when it is its turn', async () => {
      using chains = NftChains.open({ netns: netns.path })
      const asked: string[] = []
      const isThere = async () => {
        asked.push((await chains.hasTable('inet', 'podroute')) ? 'there' : 'missing')
        return asked.at(-1) === 'there'
      }
      // What nft itself would say of this is another error.
      const refused = await nft.show('list nothing', isThere).catch((error: unknown) => error)
      expect(refused).to.be.instanceOf(NftError).with.property('code', 'ENOENT')
      void nft.run(TABLE)
      expect(await nft.show('list table inet podroute', isThere)).to.include('set vips')
      expect(asked).to.deep.equal(['missing', 'there'])
    })

    it('keeps apart what runs at the same time', async () => {
      const results = await Promise.allSettled([
        nft.run('add table inet a'),
        nft.run('add tabel inet b'),
        tables(),
        nft.run('add table inet c'),
      ])
      expect(results.map((result) => result.status)).to.deep.equal([
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ])
      expect(await tables()).to.deep.equal(['inet a', 'inet c'])
    })

    it('counts transactions, whoever commits them', async () => {
      using generation = NftGeneration.open({ netns: netns.path })
      await nft.run(TABLE)
      const first = await generation.read()
      expect(await generation.read()).to.equal(first)
      await nft.listJson('list table inet podroute')
      expect(await generation.read(), 'a listing is none').to.equal(first)
      await nft.run('add element inet podroute vips { 10.96.0.1 . tcp . 443 }')
      expect(await generation.read()).to.equal(first + 1)
      await failure('add element inet podroute nothing { 10.96.0.1 . tcp . 443 }')
      expect(await generation.read(), 'nor what was refused').to.equal(first + 1)
      await nft.run('add table ip other')
      expect(await generation.read()).to.equal(first + 2)
    })

    it('tells of each transaction which tables it touched', async () => {
      const seen: NftTransaction[] = []
      using _monitor = watchNft(
        { onTransaction: (transaction) => seen.push(transaction), onOverrun: () => {} },
        { netns: netns.path },
      )
      await nft.run(TABLE)
      await nft.run('add element inet podroute vips { 10.96.0.1 . tcp . 443 }\nadd table ip6 other')
      await eventually(() => seen.length === 2)
      expect(seen.map(({ tables }) => tables)).to.deep.equal([
        ['inet podroute'],
        ['inet podroute', 'ip6 other'],
      ])
      expect(seen[0]?.pid).to.be.above(0)
    })

    it('tells of elements only where they are wanted', async () => {
      const seen: string[] = []
      const hear = (elements: boolean) =>
        watchNft(
          {
            onTransaction: ({ tables, kinds }) => seen.push(`${elements}: ${tables} ${kinds}`),
            onOverrun: () => {},
          },
          { netns: netns.path, elements },
        )
      await nft.run(TABLE)
      using _all = hear(true)
      using _some = hear(false)
      const add = 'add element inet podroute vips { 10.96.0.1 . tcp . 443 }\n'
      await nft.run(add)
      await nft.run(`${add.replace('443', '80')}add chain inet podroute more\n`)
      await eventually(() => seen.length === 4)
      expect(seen.toSorted()).to.deep.equal([
        'false:  ',
        'false: inet podroute chain',
        'true: inet podroute element',
        'true: inet podroute element,chain',
      ])
    })
  })
}
