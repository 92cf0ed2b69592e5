/** The elements of the proxy's sets, read from the kernel by us, against what was written and what nft itself lists. */
import type { NftApi } from '@podroute/kernel/nft/api.ts'
import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { Nft } from '@podroute/linux/nft/nft.ts'
import {
  SET_NAMES,
  SETS,
  type SetName,
  setOf,
  TABLE,
  TABLE_NAME,
} from '@podroute/service-proxy/rules/sets.ts'
import { SERVICE_TABLE } from '@podroute/service-proxy/rules/table.ts'
import { expect } from 'chai'

const NETNS = 'pr-elements'

type Family = 4 | 6

/** Of each set two elements in each family, written as the proxy writes them. */
const ELEMENTS: Readonly<Record<SetName, Readonly<Record<Family, readonly string[]>>>> = {
  'service-vips': both(['10.96.0.1', '255.255.255.255'], ['fd10:96::1', '::1']),
  ...sameOf(
    [
      ...(['service-ports', 'service-refused', 'service-dropped', 'service-dropped-outside'] as const),
      ...(['service-masquerade', 'service-direct', 'service-ranged'] as const),
    ],
    both(
      ['10.96.0.1 . tcp . 80', '10.96.0.1 . udp . 65535'],
      ['fd10:96::1 . sctp . 80', 'fd10:96::a . 33 . 1'],
    ),
  ),
  'service-ranges': both(
    ['10.96.0.1 . tcp . 80 . 192.0.2.0/24', '10.96.0.1 . tcp . 80 . 198.51.100.7'],
    ['fd10:96::1 . tcp . 80 . 2001:db8::/33', 'fd10:96::1 . tcp . 80 . 2001:db8:ffff::7'],
  ),
  'service-hairpin': both(
    ['10.244.1.2 . 10.244.1.2', '10.244.1.3 . 10.244.1.3'],
    ['fd10:244::2 . fd10:244::2', 'fd10:244::3 . fd10:244::3'],
  ),
  'service-pods': both(
    // Side by side, alone, a single address, and up to the last one.
    ['10.244.0.0/24', '10.244.1.0/24', '10.244.4.0/22', '10.9.9.9/32', '240.0.0.0/4'],
    ['fd10:244::/64', 'fd10:244:0:1::/64', 'fd00::/17', 'fd10::9/128', 'ff00::/8'],
  ),
  'service-marks': both(
    ['10.96.0.1 . tcp . 80 : 0x5d000001', '10.96.0.1 . tcp . 81 : 0x00000a0b'],
    ['fd10:96::1 . sctp . 80 : 0x5d000001', 'fd10:96::1 . sctp . 81 : 0x00000a0b'],
  ),
  ...sameOf(
    ['service-affinity', 'service-affinity-learn'],
    both(
      ['10.96.0.1 . tcp . 80 : goto first', '10.96.0.1 . udp . 80 : goto second'],
      ['fd10:96::1 . tcp . 80 : goto first', 'fd10:96::1 . udp . 80 : goto second'],
    ),
  ),
  'service-affinity-numbers': both(
    [
      '10.96.0.1 . tcp . 80 . 10.244.1.2 . 8080 : 0x5d000001',
      '10.96.0.1 . tcp . 80 . 10.244.1.3 . 1 : 0x00000a0b',
    ],
    [
      'fd10:96::1 . tcp . 80 . fd10:244::2 . 8080 : 0x5d000001',
      'fd10:96::1 . tcp . 80 . fd10:244::3 . 1 : 0x00000a0b',
    ],
  ),
  'service-affinity-endpoints': both(
    ['10.96.0.1 . tcp . 80 . 1560281089 : 10.244.1.2 . 8080', '10.96.0.1 . tcp . 80 . 7 : 10.244.1.3 . 1'],
    [
      'fd10:96::1 . tcp . 80 . 1560281089 : fd10:244::2 . 8080',
      'fd10:96::1 . tcp . 80 . 7 : fd10:244::3 . 1',
    ],
  ),
}

function both(four: readonly string[], six: readonly string[]) {
  return { 4: four, 6: six }
}

function sameOf<N extends SetName, T>(names: readonly N[], value: T): Record<N, T> {
  return Object.fromEntries(names.map((name) => [name, value])) as Record<N, T>
}

describe("the proxy's set elements, read from the kernel", () => {
  let nft: NftApi & Disposable
  let reference: Nft
  const elementsOf = (set: string) => nft.elements(TABLE_NAME, set, SETS[set]!)
  before(async () => {
    removeNetns(NETNS)
    createNetns(NETNS)
    nft = openNft({ netns: NETNS })
    reference = Nft.open({ netns: NETNS })
    await nft.run(`${tableScript(SERVICE_TABLE)}add chain ${TABLE} first\nadd chain ${TABLE} second\n`)
  })
  after(() => {
    nft[Symbol.dispose]()
    reference[Symbol.dispose]()
    removeNetns(NETNS)
  })

  for (const name of SET_NAMES) {
    for (const family of [4, 6] as const) {
      const set = setOf(name, family)

      it(`of ${set} are what was written`, async () => {
        expect(await elementsOf(set)).to.deep.equal([])
        const elements = ELEMENTS[name][family]
        await nft.run(`add element ${TABLE} ${set} { ${elements.join(', ')} }\n`)
        expect(await elementsOf(set)).to.have.members(elements)
        for (const element of elements) {
          await nft.run(`delete element ${TABLE} ${set} { ${element} }\n`)
          const rest = await elementsOf(set)
          expect(rest, `after ${element} went`).to.have.members(elements.filter((other) => other !== element))
          await nft.run(`add element ${TABLE} ${set} { ${element} }\n`)
        }
      })
    }
  }

  it('show what is no prefix by both ends, so that it can be removed', async () => {
    const others = ELEMENTS['service-pods'][4]
    await nft.run(`add element ${TABLE} service-pods-4 { 10.1.0.5-10.1.0.9 }\n`)
    expect(await elementsOf('service-pods-4')).to.have.members([...others, '10.1.0.5-10.1.0.9'])
    await nft.run(`delete element ${TABLE} service-pods-4 { 10.1.0.5-10.1.0.9 }\n`)
    expect(await elementsOf('service-pods-4')).to.have.members(others)
  })

  it('are as many as nft lists, in parts of any number', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `10.100.${index >> 8}.${index & 255} . tcp . 80`)
    await nft.run(`add element ${TABLE} service-ports-4 { ${many.join(', ')} }\n`)
    const [{ set }] = (await reference.listJson(`list set ${TABLE} service-ports-4`)) as [
      { set: { elem: unknown[] } },
    ]
    const ours = await elementsOf('service-ports-4')
    expect(ours).to.have.length(set.elem.length)
    expect(new Set(ours)).to.include.all.keys(...many)
  })

  it('reject with ENOENT without the table', async () => {
    await nft.run(`delete table ${TABLE}\n`)
    const error = await elementsOf('service-vips-4').catch((cause: { code?: string }) => cause)
    expect(error).to.include({ code: 'ENOENT' })
  })
})
