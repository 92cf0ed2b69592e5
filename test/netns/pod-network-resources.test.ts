import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { SetElementResource } from '@podroute/kernel/nft/element-resource.ts'
import { NftTableResource, TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { MASQUERADE_SETS, masqueradeTable, TABLE_NAME } from '@podroute/pod-network/egress/masquerade.ts'
import { elementsOf } from '@podroute/pod-network/sources/port-elements.ts'
import { SOURCE_SETS, SOURCES_TABLE, sourcesTable } from '@podroute/pod-network/sources/table.ts'
import type { Resource } from '@podroute/reconcile/resource.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { describeResource, listed } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import { inside, type TestedNode, testNode } from './kernel-support.ts'

const elements: readonly SetElement[] = [
  { set: 'pods-4', element: '10.244.0.0/24' },
  { set: 'pods-6', element: 'fd10:244::/64' },
  { set: 'pods-local-4', element: '10.244.0.0/24' },
  { set: 'nodes-6', element: 'fd31::11' },
  { set: 'no-masquerade-4', element: '192.0.2.1/32' },
]

describeResource(
  'masquerade sets',
  async () => {
    const test = await testNode('sets')
    await test.nft.run(tableScript(masqueradeTable(true)))
    return inside(test, new SetElementResource(test.nft, TABLE_NAME, MASQUERADE_SETS))
  },
  {
    entries: elements.map((element) => [elementKey(element), element] as const),
    replacement: elements[0]!,
    refused: ['pods-4 nonsense', { set: 'pods-4', element: '300.1.1.1' }],
  },
)

const portElements = elementsOf(4711, {
  mac: '02:00:5e:00:53:07',
  addresses: ['10.244.0.7', 'fd10:244::7'],
})

describeResource(
  'sets of the ports of pods, which the CNI plugin fills too,',
  async () => {
    const test = await testNode('ports')
    await test.nft.run(tableScript(sourcesTable(true)))
    return inside(test, new SetElementResource(test.nft, SOURCES_TABLE, SOURCE_SETS))
  },
  {
    entries: portElements.map((element) => [elementKey(element), element] as const),
    replacement: portElements[0]!,
    refused: ['link-macs nonsense', { set: 'link-macs', element: '4711 . 10.244.0.7' }],
  },
)

describe('prefixes of a set that hold each other', () => {
  const pods = (element: string) => ({ set: 'pods-4', element })
  const all = [pods('10.244.1.0/24'), pods('10.244.2.0/24'), pods('192.168.0.0/24')]
  const outer = pods('10.0.0.0/8')

  it('take each other’s place in one flush, and nothing fails meanwhile', async () => {
    await using test = await testNode('overlaps')
    await test.nft.run(tableScript(masqueradeTable(true)))
    const table = new Table(new SetElementResource(test.nft, TABLE_NAME, MASQUERADE_SETS))
    const want = async (wanted: readonly SetElement[]) => {
      const keys = wanted.map(elementKey)
      for (const key of table.desired().keys()) if (!keys.includes(key)) table.delete(key)
      for (const element of wanted) table.set(elementKey(element), element)
      // As a group of tables does it.
      const results = [await table.flush('upserts'), await table.flush('removals')]
      expect(results.map(({ failed }) => failed)).to.deep.equal([0, 0])
      expect([...(await listed(table.resource)).keys()]).to.have.members(keys)
      expect(table.stats).to.include({ pending: 0, failed: 0, applied: keys.length })
    }
    await want(all)
    await want([outer, all[2]!])
    await want(all)
    await want([pods('10.244.1.0/25'), pods('10.244.2.0/23'), pods('192.168.0.7/32')])
    await want(all)
  })

  it('that nobody asked to be removed go for what is wanted', async () => {
    await using test = await testNode('overlaps')
    await test.nft.run(tableScript(masqueradeTable(true)))
    await test.nft.run(`add element inet ${TABLE_NAME} pods-4 { 10.244.1.128/25 }`)
    const table = new Table(new SetElementResource(test.nft, TABLE_NAME, MASQUERADE_SETS))
    table.set(elementKey(all[0]!), all[0]!)
    expect(await table.flush()).to.deep.equal({ applied: 1, failed: 0 })
    expect((await listed(table.resource)).size).to.equal(1)
  })
})

describe('resources of the pod network', () => {
  let test: TestedNode
  beforeEach(async () => {
    test = await testNode('others')
  })
  afterEach(() => test[Symbol.asyncDispose]())

  const apply = async <V>(resource: Resource<string, V>, key: string, value: V) => {
    const [outcome] = await resource.apply([{ kind: 'add', key, value }])
    return outcome!.ok ? 'done' : outcome!.error.message
  }

  describe('the masquerade rules', () => {
    /** What an agent does that has just started: the changes that it makes. */
    const started = async (enabled: boolean) => {
      const table = new Table(new NftTableResource(test.nft, TABLE_NAME))
      table.set(TABLE, masqueradeTable(enabled))
      await table.adopt()
      const changes = table.pending().map(({ kind }) => kind)
      await table.flush()
      return { table, changes }
    }
    const rules = async () =>
      (await test.nft.show(`list table inet ${TABLE_NAME}`)).match(/ masquerade$/gm)?.length

    it('are written once, found as they were planned by the next agent, and left alone', async () => {
      expect((await started(true)).changes).to.deep.equal(['add'])
      expect(await rules()).to.equal(2)
      const sets = new SetElementResource(test.nft, TABLE_NAME, MASQUERADE_SETS)
      await apply(sets, elementKey(elements[0]!), elements[0]!)
      expect((await started(true)).changes).to.deep.equal([])
    })

    it('are put back by an audit when somebody changed them', async () => {
      const { table } = await started(true)
      const chain = `inet ${TABLE_NAME} pod-egress`
      for (const sabotage of [
        `flush chain ${chain}`,
        `insert rule ${chain} accept`,
        `flush chain ${chain}; delete chain ${chain}`,
        `flush chain ${chain}; delete chain ${chain}; add chain ${chain}`,
        `delete table inet ${TABLE_NAME}`,
      ]) {
        await test.nft.run(`${sabotage}\n`)
        expect(await table.audit(), sabotage).to.have.length(1)
        expect(await table.flush(), sabotage).to.deep.equal({ applied: 1, failed: 0 })
        expect(await rules(), sabotage).to.equal(2)
        expect(await table.audit(), sabotage).to.deep.equal([])
      }
    })

    it('are none any more when an agent starts with masquerade off; elements stay', async () => {
      await started(true)
      const sets = new SetElementResource(test.nft, TABLE_NAME, MASQUERADE_SETS)
      await apply(sets, elementKey(elements[0]!), elements[0]!)
      expect((await started(false)).changes).to.deep.equal(['replace'])
      expect(await rules()).to.equal(undefined)
      expect([...(await listed(sets)).keys()]).to.deep.equal([elementKey(elements[0]!)])
      expect((await started(false)).changes).to.deep.equal([])
      const { table } = await started(true)
      expect(await rules()).to.equal(2)
      await table.clear()
      expect([...(await listed(table.resource))]).to.deep.equal([])
    })
  })
})
