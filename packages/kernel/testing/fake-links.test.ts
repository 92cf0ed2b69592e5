/** The fake links and addresses under the contract that the real ones keep: test/netns runs it there. */
import { describeResource, listed } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import { BridgeAddressResource, type InterfaceAddress } from '../addresses/bridge-address-resource.ts'
import { BridgePortResource } from '../links/bridge-port-resource.ts'
import { BridgeResource, type BridgeSettings } from '../links/bridge-resource.ts'
import { FakeAddresses } from './fake-addresses.ts'
import { FakeChanges } from './fake-changes.ts'
import { FakeLinks } from './fake-links.ts'

const BRIDGE = 'toys'
const ADDRESSES: readonly InterfaceAddress[] = [
  { address: '10.1.0.1', prefixLength: 24 },
  { address: 'fd01::1', prefixLength: 64 },
]

async function withBridge() {
  const changes = new FakeChanges()
  const links = new FakeLinks(changes)
  await links.add({ kind: 'bridge', name: BRIDGE, up: true })
  return { changes, links, addresses: new FakeAddresses(changes) }
}

describeResource(
  'addresses of a fake bridge',
  async () => {
    const { links, addresses, changes } = await withBridge()
    return new BridgeAddressResource(links, addresses, { bridge: BRIDGE, changes })
  },
  {
    entries: ADDRESSES.map((a) => [`${a.address}/${a.prefixLength}`, a] as const),
    replacement: ADDRESSES[0]!,
  },
)

describeResource(
  'ports of a fake bridge',
  async () => {
    const { links } = await withBridge()
    for (const name of ['toy1', 'toy2'])
      await links.add({ kind: 'veth', name, up: true, peer: { name: `${name}-in` } })
    return new BridgePortResource(links, { bridge: BRIDGE, kind: 'veth' })
  },
  {
    entries: [
      ['toy1', { hairpin: true }],
      ['toy2', { hairpin: false }],
    ],
    replacement: { hairpin: false },
    refused: ['nobody', { hairpin: true }],
  },
)

describe('a bridge of the fake links', () => {
  const settings: BridgeSettings = { mtu: 1400, mac: '0a:58:0a:01:00:01' }
  const isExplicitMac = (mac: string) => mac.startsWith('0a:58:')

  it('is made, and made again with the MAC that is known', async () => {
    const changes = new FakeChanges()
    const links = new FakeLinks(changes)
    const bridge = new BridgeResource(links, { name: BRIDGE, isExplicitMac, changes })
    await bridge.apply([{ kind: 'add', key: BRIDGE, value: settings }])
    expect([...(await listed(bridge))]).to.deep.equal([[BRIDGE, settings]])
    const { index } = (await links.get(BRIDGE))!
    await links.remove(index)
    expect([...(await listed(bridge))]).to.deep.equal([])
    const other = { ...settings, mac: '0a:58:0a:01:00:99' }
    await bridge.apply([{ kind: 'add', key: BRIDGE, value: other }])
    expect(await links.get(BRIDGE)).to.include({ mac: settings.mac, mtu: 1400, up: true })
  })

  it('is not as it is to be while it is down', async () => {
    const { links } = await withBridge()
    const bridge = new BridgeResource(links, { name: BRIDGE, isExplicitMac })
    await bridge.apply([{ kind: 'add', key: BRIDGE, value: settings }])
    await links.set((await links.get(BRIDGE))!.index, { up: false })
    expect(bridge.equal((await listed(bridge)).get(BRIDGE)!, settings)).to.equal(false)
  })
})
