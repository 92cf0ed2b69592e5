import type { Trial } from '@podroute/feature/trial.ts'
import { expect } from 'chai'
import { legsOf, remainder } from './legs.ts'
import { pathsOf } from './paths.ts'
import type { Stand, StandService } from './stand.ts'

const service = (name: string): StandService => ({
  ...{ name, port: 80, nodePort: 30_000 + name.length },
  addresses: { 4: `10.96.0.${name.length}`, 6: `fd10:96::${name.length}` },
})
const SERVICES = ['all', 'affinity', 'headless', 'one-0', 'local-0', 'one-1', 'local-1']

/** Of a feature. */
const TRIAL: Trial = {
  ...{ hop: 'locks', objects: [] },
  ways: [
    { name: 'pod with a key', from: 'client', open: true },
    { name: 'pod without', from: 'server', open: false },
  ],
}

function stand(nodes: number, more: Partial<Stand> = {}): Stand {
  const names = Array.from({ length: nodes }, (_, i) => i)
  const pods = names.flatMap((i) =>
    ['server', 'client', 'guarded'].map((kind, j) => ({
      ...{ name: `${kind}-${i}`, node: `node-${i + 1}` },
      addresses: { 4: `10.244.${i}.${2 + j}`, 6: `fd10:244:0:${i}::${2 + j}` },
    })),
  )
  return {
    ...{ namespace: 'ns', families: [4, 6], nodeServer: 20_244, dns: true, trials: [TRIAL] },
    nodes: names.map((i) => ({
      ...{ name: `node-${i + 1}`, agent: `agent-${i}` },
      addresses: { 4: `172.30.0.${11 + i}`, 6: `fd30::${11 + i}` },
    })),
    pods: new Map(pods.map((pod) => [pod.name, pod])),
    services: new Map(SERVICES.map((name) => [name, service(name)])),
    api: { name: 'kubernetes', addresses: { 4: '10.96.0.1' }, port: 443, nodePort: 0 },
    ...more,
  }
}

const probeOf = (host: string) => ({ kind: 'tcp', host, family: 4, port: 8080 })
const open = (host: string, name: string) => ({
  ...probeOf(host),
  expect: { kind: 'answer', names: [name] },
})
const closed = (host: string) => ({ ...probeOf(host), expect: { kind: 'silence' } })

describe('connectivity: paths', () => {
  it('are more than twenty by name, in each family, from each node to the next', () => {
    const paths = pathsOf(stand(2), [])
    expect(new Set(paths.map(({ name }) => name)).size).to.equal(29)
    const of = (name: string) =>
      paths.filter((path) => path.name === name).map(({ family, from }) => [family, from.node])
    const all = [4, 6].flatMap((family) => ['node-1', 'node-2'].map((node) => [family, node]))
    expect(of('pod to pod, other node')).to.deep.equal(all)
    // It has an address of one family only.
    expect(of('pod to API server')).to.deep.equal(all.slice(0, 2))
    expect(paths.filter(({ probe }) => probe.host === '')).to.deep.equal([])
  })

  it('of one node alone lead to no other, and none asks for names without DNS', () => {
    const names = pathsOf(stand(1, { dns: false }), []).map(({ name }) => name)
    expect(names.filter((name) => /other node|node without|name of/.test(name))).to.deep.equal([])
    expect(names).to.include.members(['pod to pod, same node', 'pod to itself through its Service'])
  })

  it('are those that features add, on the node and to the next one, and without features none', () => {
    const ofTrial = (nodes: number, more: Partial<Stand> = {}) =>
      pathsOf(stand(nodes, more), []).filter(({ name }) => /key|pod without/.test(name))
    expect(ofTrial(2, { trials: [] })).to.deep.equal([])
    const seen = ofTrial(2).filter(({ family, from }) => family === 4 && from.node === 'node-1')
    expect(seen.map(({ name, from, to, probe }) => [name, from.pod!.name, to, probe])).to.deep.equal([
      ['pod with a key, same node', 'client-0', 'guarded-0', open('10.244.0.4', 'guarded-0')],
      ['pod with a key, other node', 'client-0', 'guarded-1', open('10.244.1.4', 'guarded-1')],
      ['pod without, same node', 'server-0', 'guarded-0', closed('10.244.0.4')],
      ['pod without, other node', 'server-0', 'guarded-1', closed('10.244.1.4')],
    ])
    expect(ofTrial(1).map(({ name }) => name)).to.include.members(['pod without, same node'])
    expect(ofTrial(1).filter(({ name }) => name.includes('other'))).to.deep.equal([])
  })

  it('of features have parts that lead to a neighbour, whom everybody may reach, and end in what the feature decides', () => {
    const two = stand(2)
    const path = pathsOf(two, []).find(({ name }) => name === 'pod with a key, other node')!
    const hosts = legsOf(path, two).map(({ probe }) => probe.host)
    expect(hosts).to.include('10.244.1.2').and.not.include('10.244.1.4')
    expect(remainder(path)).to.equal('locks on node-2')
  })

  it('lead outside in the family that the address has, and by a name in both', () => {
    const paths = pathsOf(stand(1), [
      { host: '192.0.2.1', port: 80 },
      { host: 'fd00::1', port: 80 },
      { host: 'example.com', port: 80 },
    ])
    const outside = paths.filter(({ name }) => name === 'pod to outside')
    expect(outside.map(({ family, to }) => [family, to])).to.deep.equal([
      [4, '192.0.2.1'],
      [4, 'example.com'],
      [6, 'fd00::1'],
      [6, 'example.com'],
    ])
  })

  it('have parts in the order of the way, there and back, each between two ends', () => {
    const two = stand(2)
    const path = pathsOf(two, []).find(({ name }) => name === 'pod to pod, other node')!
    expect(
      legsOf(path, two).map(({ from, probe }) => [from.pod?.name ?? from.node, probe.host]),
    ).to.deep.equal([
      ['client-0', '172.30.0.11'],
      ['node-1', '172.30.0.12'],
      ['node-2', '10.244.1.2'],
      ['node-1', '10.244.1.2'],
      ['client-0', '172.30.0.12'],
      ['node-2', '10.244.0.3'],
    ])
    expect(remainder(path)).to.match(/^these ends alone: .* node-1 and node-2/)
  })

  it('through the NodePort of another node have the way from there to the pods', () => {
    const two = stand(2)
    const path = pathsOf(two, []).find(({ name }) => name === 'node to NodePort of other node')!
    const hops = legsOf(path, two).map(({ hop }) => hop)
    expect(hops).to.include('node-2 to pods of node-1: the route on node-2, or forwarding on node-1')
    expect(remainder(path)).to.equal('the Service: its virtual server on node-2')
  })

  it('that fail for what is large alone, or for UDP alone, say so', () => {
    const two = stand(2)
    const named = (name: string) => pathsOf(two, []).find((path) => path.name === name)!
    expect(remainder(named('pod to pod, other node, large'))).to.include('MTU')
    const udp = named('pod to pod, other node, UDP in fragments')
    expect(legsOf(udp, two).at(-1)!.hop).to.include('UDP alone')
    expect(remainder(udp)).to.include('MTU')
  })
})
