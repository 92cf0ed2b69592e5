/** What a change of elements does, to the fake nftables and to the real one. */
import { expect } from 'chai'
import type { ElementChange, NftApi } from '../nft/api.ts'
import { type ElementType, type NftTable, tableScript } from '../nft/definition.ts'

const TABLE: NftTable = {
  name: 'podroute-elements',
  sets: {
    'pods-4': { key: ['ipv4_addr'] },
    'ports-6': { key: ['ipv6_addr', 'inet_proto', 'inet_service'] },
    'chains-4': { key: ['ipv4_addr'], value: 'verdict' },
    'marks-4': { key: ['ipv4_addr', 'inet_service'], value: ['mark'] },
    'flows-6': { key: ['ipv6_addr', 'inet_service', 'inet_proto'], timeout: true },
    'blocks-4': { key: ['ipv4_addr'], interval: true },
  },
  chains: { first: { rules: [] }, second: { rules: [] } },
}
const ELEMENTS: Readonly<Record<string, readonly string[]>> = {
  'pods-4': ['10.0.0.1', '10.0.0.2', '255.255.255.255'],
  'ports-6': ['fd00::1 . tcp . 80', 'fd00::1 . 33 . 65535'],
  'chains-4': ['10.0.0.1 : goto first', '10.0.0.2 : goto second'],
  'marks-4': ['10.0.0.1 . 80 : 0x5d000001', '10.0.0.1 . 81 : 0x00000a0b'],
  'blocks-4': ['10.0.0.0/8', '192.0.2.0/24'],
}

type Nft = Pick<NftApi, 'run' | 'elements' | 'writeElements'>

/** @param open with nothing in it; closed by the caller */
export function describeElementChanges(name: string, open: () => Nft | Promise<Nft>): void {
  describe(`changes of elements of ${name}`, () => {
    let nft: Nft
    const typeOf = (set: string): ElementType => TABLE.sets[set]!
    const list = (set: string) => nft.elements(TABLE.name, set, typeOf(set))
    const change = (kind: ElementChange['kind'], set: string, ...elements: string[]): ElementChange => ({
      ...{ kind, set, type: TABLE.sets[set] ?? { key: ['ipv4_addr'] }, elements },
    })
    const write = (...changes: ElementChange[]) =>
      nft.writeElements(TABLE.name, changes).then(
        () => 'done',
        ({ code }) => code,
      )
    beforeEach(async () => {
      nft = await open()
      await nft.run(tableScript(TABLE))
    })

    for (const [set, elements] of Object.entries(ELEMENTS))
      it(`${set}: are added, again without harm, and go one by one`, async () => {
        for (const _time of ['first', 'second'])
          expect(await write(change('add', set, ...elements))).to.equal('done')
        expect(await list(set)).to.have.members(elements)
        for (const [index, element] of elements.entries()) {
          expect(await write(change('delete', set, element))).to.equal('done')
          expect(await list(set)).to.have.members(elements.slice(index + 1))
        }
      })

    it('are done all together, in the order in which they are given', async () => {
      const [first, second] = ['10.0.0.1 : goto first', '10.0.0.1 : goto second']
      expect(await write(change('add', 'chains-4', first), change('add', 'pods-4', '10.0.0.9'))).to.equal(
        'done',
      )
      expect(await write(change('delete', 'chains-4', first), change('add', 'chains-4', second))).to.equal(
        'done',
      )
      expect(await list('chains-4')).to.deep.equal([second])
      expect(await list('pods-4')).to.deep.equal(['10.0.0.9'])
    })

    for (const [what, code, bad] of [
      ['an element is not there that is deleted', 'ENOENT', change('delete', 'pods-4', '10.0.0.7')],
      ['a set is not there', 'ENOENT', change('add', 'others-4', '10.0.0.1')],
      ['a chain is not there', 'ENOENT', change('add', 'chains-4', '10.0.0.1 : goto third')],
      ['a key has another value', 'EEXIST', change('add', 'marks-4', '10.0.0.1 . 80 : 0x00000002')],
    ] as const)
      it(`are not done where ${what}`, async () => {
        const marks = ELEMENTS['marks-4']!
        await write(change('add', 'marks-4', ...marks), change('add', 'pods-4', '10.0.0.1'))
        const others = [change('add', 'pods-4', '10.0.0.2'), change('delete', 'pods-4', '10.0.0.1')]
        for (const changes of [
          [bad, ...others],
          [...others, bad],
        ]) {
          expect(await write(...changes)).to.equal(code)
          expect(await list('pods-4')).to.deep.equal(['10.0.0.1'])
          expect(await list('marks-4')).to.have.members(marks)
        }
      })

    it('may say when elements end', async () => {
      const flow = 'fd00::1 . 80 . tcp'
      expect(await write({ ...change('add', 'flows-6', flow), timeout: 60_000 })).to.equal('done')
      expect(await list('flows-6')).to.deep.equal([flow])
      expect(await write(change('delete', 'flows-6', flow))).to.equal('done')
      expect(await list('flows-6')).to.deep.equal([])
    })
  })
}
