import { parseSelector } from '@podroute/cluster/objects/label-selector.ts'
import { expect } from 'chai'
import type { ExternalPeer } from '../settings.ts'
import { testNode } from '../testing/fixtures.ts'
import { selectRouters } from './selection.ts'

const inRack = (rack: string, names: readonly string[] = []) => ({
  names,
  labels: rack === '' ? [] : parseSelector({ matchLabels: { rack } }, () => {}),
})
const router = (address: string, more: Partial<ExternalPeer> = {}): ExternalPeer => ({
  ...{ address, asn: 65000, acceptRoutes: false, maxPrefixes: 10 },
  ...more,
})
const MISSING = { path: 'peers[1].passwordFile', message: 'cannot read /key' }

describe('routers of a node', () => {
  const one = { ...testNode(1), labels: { rack: 'a', disk: 'ssd' } }
  const select = (
    entries: readonly ExternalPeer[],
    local: typeof one | undefined = one,
    before: readonly ExternalPeer[] = [],
  ) => {
    const { routers, problems } = selectRouters(entries, local, before)
    return {
      chosen: routers.map(({ address, asn }) => `${address} ${asn}`),
      problems: problems.map(({ path, message }) => `${path}: ${message}`),
      routers,
    }
  }

  it('are those without a selector, and those whose names and labels are its own', () => {
    const entries = [
      router('192.0.2.1'),
      router('192.0.2.2', { nodes: inRack('a') }),
      router('192.0.2.3', { nodes: inRack('b') }),
      router('192.0.2.4', { nodes: inRack('', ['node-2', 'node-1']) }),
      router('192.0.2.5', { nodes: inRack('a', ['node-2']) }),
    ]
    expect(select(entries).chosen).to.deep.equal(['192.0.2.1 65000', '192.0.2.2 65000', '192.0.2.4 65000'])
  })

  it('are those of all nodes while its own labels are not known', () => {
    const { routers } = selectRouters(
      [router('192.0.2.1'), router('192.0.2.2', { nodes: inRack('a') })],
      undefined,
      [],
    )
    expect(routers.map(({ address }) => address)).to.deep.equal(['192.0.2.1'])
  })

  it('may have one address in several entries, of which one selects it', () => {
    const entries = [
      router('192.0.2.1', { nodes: inRack('b'), asn: 65001 }),
      router('192.0.2.1', { nodes: inRack('a'), asn: 65002 }),
    ]
    expect(select(entries)).to.deep.include({ chosen: ['192.0.2.1 65002'], problems: [] })
  })

  it('are the first of several entries that select it, which is said of both', () => {
    const entries = [
      router('192.0.2.1', { nodes: inRack('a'), asn: 65001 }),
      router('192.0.2.1', { nodes: inRack('', ['node-1']), asn: 65002 }),
    ]
    expect(select(entries)).to.deep.include({
      chosen: ['192.0.2.1 65001'],
      problems: [
        'peers[1]: 192.0.2.1 is peers[0] on this node already, which goes on: let only one of both select it (nodes)',
      ],
    })
  })

  it('of another rack do not harm it, whatever is wrong with them (A3, metallb/metallb#3094)', () => {
    const entries = [
      router('192.0.2.1', { nodes: inRack('a'), localAsn: 64601 }),
      router('192.0.2.2', { nodes: inRack('b'), localAsn: 64602, fault: MISSING }),
    ]
    expect(select(entries)).to.deep.include({ chosen: ['192.0.2.1 65000'], problems: [] })
    const two = { ...testNode(2), labels: { rack: 'b', disk: 'ssd' } }
    expect(select(entries, two)).to.deep.include({
      chosen: [],
      problems: ['peers[1].passwordFile: cannot read /key'],
    })
  })

  it('go on with the last key where theirs cannot be used any more, and never without one (A9, metallb/frr-k8s#338)', () => {
    const before = [router('192.0.2.1', { password: 'k' })]
    const entries = [router('192.0.2.1', { fault: MISSING, holdTime: 30 })]
    const { routers, problems } = select(entries, one, before)
    expect(routers).to.deep.equal([router('192.0.2.1', { holdTime: 30, password: 'k' })])
    expect(problems).to.deep.equal(['peers[1].passwordFile: cannot read /key; the last password goes on'])
    expect(select(entries, one, routers).routers).to.deep.equal(routers)
    // One that had none before must not start to do without.
    expect(select(entries, one, [router('192.0.2.1')]).chosen).to.deep.equal([])
  })
})
