import { Table } from '@podroute/reconcile/table.ts'
import { describeResource } from '@podroute/reconcile/testing/contract.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { FakeClock } from 'bgp-speaker-ts/testing/fake-clock.ts'
import { MemoryNetwork } from 'bgp-speaker-ts/testing/memory-network.ts'
import { expect } from 'chai'
import { meshPeer, testNode, testSettings } from '../testing/fixtures.ts'
import { peerKey } from './peer-key.ts'
import { PeerResource } from './peer-resource.ts'

const peer = (n: number, holdTime = 90): PeerConfig => ({
  ...meshPeer(testNode(1), testNode(n), testSettings)!,
  holdTime,
})
const entry = (config: PeerConfig) => [peerKey(config), config] as const
/** Not started: it connects to nobody. */
const newSpeaker = () => {
  const transport = new MemoryNetwork(new FakeClock()).transport('172.30.0.11')
  return new Speaker({ asn: 64512, routerId: '172.30.0.11', transport })
}

describeResource(
  'BGP peers',
  () => {
    const speaker = newSpeaker()
    return new PeerResource(() => speaker)
  },
  {
    entries: [peer(2), peer(3)].map(entry),
    replacement: peer(2, 30),
    refused: ['nonsense', { ...peer(4), address: 'nonsense' }],
  },
)

describe('BGP peers', () => {
  it('are put right by an audit when the speaker has others than were acknowledged', async () => {
    const speaker = newSpeaker()
    const table = new Table(new PeerResource(() => speaker))
    for (const n of [2, 3]) table.set(...entry(peer(n)))
    await table.flush()
    await speaker.removePeer('172.30.0.12')
    speaker.updatePeer(peer(3, 30))
    speaker.addPeer(peer(4))
    const drift = await table.audit()
    expect(drift.map(({ key, kind }) => `${key} ${kind}`).sort()).to.deep.equal([
      '172.30.0.12 missing',
      '172.30.0.13 different',
      '172.30.0.14 extra',
    ])
    await table.flush()
    expect(Array.from(speaker.configurations(), peerKey).sort()).to.deep.equal(['172.30.0.12', '172.30.0.13'])
    expect(speaker.configuration('172.30.0.13')).to.deep.equal(peer(3))
  })

  it('are not listed again by quick audits while the speaker has the same ones', async () => {
    const speaker = newSpeaker()
    const resource = new PeerResource(() => speaker)
    let listed = 0
    const list = resource.list.bind(resource)
    resource.list = () => {
      listed++
      return list()
    }
    const table = new Table(resource)
    for (const n of [2, 3]) table.set(...entry(peer(n)))
    await table.flush()
    await table.audit({ quick: true })
    listed = 0
    for (let i = 0; i < 3; i++) expect(await table.audit({ quick: true })).to.deep.equal([])
    expect(listed).to.equal(0)
    const found = async () => {
      const drift = await table.audit({ quick: true })
      await table.flush()
      await table.audit({ quick: true })
      return drift.map(({ key, kind }) => `${key} ${kind}`)
    }
    speaker.updatePeer(peer(3, 30))
    expect(await found()).to.deep.equal(['172.30.0.13 different'])
    await speaker.removePeer('172.30.0.13')
    expect(await found()).to.deep.equal(['172.30.0.13 missing'])
    speaker.addPeer(peer(4))
    expect(await found()).to.deep.equal(['172.30.0.14 extra'])
    expect(await table.audit({ quick: true })).to.deep.equal([])
    expect(listed).to.equal(6)
  })

  it('are removed without waiting for their connections', async () => {
    const config = peer(2)
    const never = new Promise<void>(() => {})
    const holder = { configurations: () => [config], configuration: () => config, removePeer: () => never }
    const resource = new PeerResource(() => ({ ...holder, addPeer() {}, updatePeer() {} }))
    expect(await resource.apply([{ kind: 'remove', key: peerKey(config), previous: config }])).to.deep.equal([
      { ok: true },
    ])
  })
})
