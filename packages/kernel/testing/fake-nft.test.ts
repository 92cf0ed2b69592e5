/** The fake nftables under the contract that the real one keeps: test/netns and test/ipvs run it there. */

import { Table } from '@podroute/reconcile/table.ts'
import { describeResource } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import { type NftTable, tableScript } from '../nft/definition.ts'
import { elementKey, type SetElement } from '../nft/element.ts'
import { SetElementResource } from '../nft/element-resource.ts'
import { NftTableResource, TABLE } from '../nft/table-resource.ts'
import { describeElementChanges } from './element-contract.ts'
import { FakeNft } from './fake-nft.ts'
import { describeStructure } from './structure-contract.ts'

const TOYS: NftTable = {
  name: 'podroute-toys',
  sets: {
    'toys-4': { key: ['ipv4_addr'], interval: true },
    'toy-marks-6': { key: ['ipv6_addr', 'inet_service'], value: ['mark'] },
  },
  chains: {
    filter: {
      hook: 'type filter hook input priority filter; policy accept;',
      rules: ['ip saddr @toys-4 drop'],
    },
  },
}
const MARK: SetElement = { set: 'toy-marks-6', element: 'fd00::1 . 80 : 0x00000001' }
const ELEMENTS: readonly SetElement[] = [MARK, { set: 'toys-4', element: '10.0.0.0/8' }]

describeResource(
  'elements of the fake nftables',
  async () => {
    const nft = new FakeNft()
    await nft.run(tableScript(TOYS))
    return new SetElementResource(nft, TOYS.name, TOYS.sets)
  },
  {
    entries: ELEMENTS.map((element) => [elementKey(element), element] as const),
    replacement: { ...MARK, element: 'fd00::1 . 80 : 0x00000002' },
    refused: ['toys-4 nonsense', { set: 'toys-4', element: '300.1.1.1' }],
  },
)

describeElementChanges('the fake nftables', () => new FakeNft())
describeStructure('the fake nftables', () => new FakeNft())

describe('a set of prefixes of the fake nftables', () => {
  it('takes no two that overlap, as the real one', async () => {
    const nft = new FakeNft()
    await nft.run(tableScript(TOYS))
    const add = (element: string) =>
      nft.run(`add element inet podroute-toys toys-4 { ${element} }`).catch(({ code }) => code)
    expect(await add('10.1.0.0/16')).to.equal(undefined)
    expect(await add('10.1.0.0/16')).to.equal(undefined)
    expect(await add('10.0.0.0/8')).to.equal('NFT')
    expect(await add('10.1.2.3')).to.equal('NFT')
    expect(await add('10.2.0.0/16')).to.equal(undefined)
    expect(await nft.elements('podroute-toys', 'toys-4')).to.deep.equal(['10.1.0.0/16', '10.2.0.0/16'])
  })
})

describe('a table of the fake nftables', () => {
  for (const sabotage of [
    'flush chain inet podroute-toys filter',
    'insert rule inet podroute-toys filter accept',
    'delete map inet podroute-toys toy-marks-6',
    'delete table inet podroute-toys',
  ])
    it(`is put back after: ${sabotage}`, async () => {
      const nft = new FakeNft()
      const table = new Table(new NftTableResource(nft, TOYS.name))
      table.set(TABLE, TOYS)
      await table.flush()
      expect(await table.audit()).to.deep.equal([])
      await nft.run(sabotage)
      expect(await table.audit()).to.have.length(1)
      await table.flush()
      expect(await table.audit()).to.deep.equal([])
    })

  it('is as it was after a script that fails', async () => {
    const nft = new FakeNft()
    await nft.run(tableScript(TOYS))
    const before = await nft.show('list table inet podroute-toys')
    const script = 'flush chain inet podroute-toys filter\nadd rule inet podroute-toys nowhere accept\n'
    expect(await nft.run(script).catch((error: { code?: string }) => error.code)).to.equal('ENOENT')
    expect(await nft.show('list table inet podroute-toys')).to.equal(before)
  })
})
