import { expect } from 'chai'
import { CliError } from '../errors.ts'
import { addressesIn } from './node-names.ts'
import { captureOptions, expectSome } from './options.ts'
import { placeOf, placesText } from './places.ts'
import { type ClusterObject, namesOf, targetOf } from './targets.ts'

const pod = (name: string, ip: string, spec: object = {}, phase = 'Running'): ClusterObject => ({
  ...{ kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { nodeName: 'node-1', ...spec } },
  status: { phase, podIPs: [{ ip }] },
})
const WEB: ClusterObject = {
  ...{ kind: 'Service', metadata: { name: 'web', namespace: 'default' } },
  spec: {
    clusterIPs: ['10.96.0.10', 'fd96::0a'],
    ports: [
      { name: 'http', port: 80 },
      { name: 'admin', port: 9000 },
    ],
  },
  status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
}
const NODE: ClusterObject = {
  ...{ kind: 'Node', metadata: { name: 'node-1' }, spec: { podCIDRs: ['10.244.1.0/24', 'fd10:1::/64'] } },
  status: { addresses: [{ address: '172.30.0.11' }, { address: 'node-1' }] },
}
const OBJECTS = [
  ...[NODE, WEB, pod('web-1', '10.244.1.5'), pod('done', '10.244.1.5', {}, 'Succeeded')],
  ...[pod('host', '172.30.0.11', { hostNetwork: true }), pod('new', '', {}, 'Pending')],
]
const SLICES: readonly ClusterObject[] = [
  {
    ...{ kind: 'EndpointSlice', metadata: { name: 'web-x', namespace: 'default' } },
    endpoints: [
      { addresses: ['10.244.1.5'], nodeName: 'node-1' },
      { addresses: ['10.244.2.7'], nodeName: 'node-2' },
    ],
    ports: [
      { name: 'http', port: 8080 },
      { name: 'admin', port: 9001 },
    ],
  },
]
const target = (word: string, ports: readonly number[] = []) =>
  targetOf(word, { objects: OBJECTS, slices: SLICES, ports })

describe('whom podroute capture means', () => {
  it('is an address, a pod, a node, or a Service with its endpoints and their ports', () => {
    const onNode = { ports: [], nodes: ['node-1'] }
    expect(target('10.244.1.5')).to.deep.equal({ addresses: ['10.244.1.5'], ...onNode })
    expect(target('default/web-1')).to.deep.equal({ addresses: ['10.244.1.5'], ...onNode })
    expect(target('node-1')).to.deep.equal({ addresses: ['172.30.0.11'], ...onNode })
    expect(target('198.51.100.1', [53])).to.deep.equal({
      addresses: ['198.51.100.1'],
      ports: [53],
      nodes: [],
    })
    const service = target('default/web')
    expect(service.addresses).to.have.members([
      '10.96.0.10',
      'fd96::a',
      '192.0.2.1',
      '10.244.1.5',
      '10.244.2.7',
    ])
    expect(service.ports).to.have.members([80, 9000, 8080, 9001])
    expect(service.nodes).to.deep.equal(['node-1', 'node-2'])
    expect(target('default/web', [80]).ports).to.have.members([80, 8080])
    for (const [word, said] of [
      ['default/nobody', 'there is no default/nobody'],
      ['default/host', 'has the addresses of its node'],
      ['default/new', 'has no address yet'],
    ] as const)
      expect(() => target(word)).to.throw(CliError, said)
  })

  it('is called as pods, Services and nodes are', () => {
    expect([...namesOf(OBJECTS)].sort()).to.deep.equal([
      ['10.244.1.1', 'node/node-1'],
      ['10.244.1.5', 'default/web-1'],
      ['10.96.0.10', 'svc/default/web'],
      ['172.30.0.11', 'node/node-1'],
      ['192.0.2.1', 'svc/default/web'],
      ['fd10:1::1', 'node/node-1'],
      ['fd96::a', 'svc/default/web'],
    ])
    const names = namesOf(OBJECTS)
    expect(addressesIn('192.0.2.9,fd10:0::5,default/web,node-1', names)).to.have.members([
      ...['192.0.2.9', 'fd10::5', '10.96.0.10', 'fd96::a', '192.0.2.1'],
      ...['172.30.0.11', '10.244.1.1', 'fd10:1::1'],
    ])
    expect(() => addressesIn('web', names)).to.throw(CliError, 'kubectl podroute capture knows pods, too')
  })

  it('is never everything', () => {
    expect(() => expectSome(undefined, { ports: [] })).to.throw(CliError, 'say what to capture')
    expect(() => expectSome(undefined, { ports: [80] })).to.not.throw()
  })
})

describe('the options of podroute capture', () => {
  const given = { count: '5', duration: '30s', bytes: '10M' }

  it('are numbers, sizes, durations, ports and places', () => {
    expect(captureOptions({ ...given, port: '80,443', at: 'pod,uplink', numeric: 'true' })).to.deep.equal({
      limits: { count: 5, bytes: 10_000_000, milliseconds: 30_000 },
      ...{ ports: [80, 443], except: [], places: ['pod', 'uplink'], numeric: true, write: undefined },
    })
  })

  it('say what they look like', () => {
    for (const wrong of [
      { count: '0' },
      { bytes: '1T' },
      { duration: '2d' },
      { port: '0' },
      { port: '70000' },
      { at: 'sea' },
    ])
      expect(() => captureOptions({ ...given, ...wrong }), JSON.stringify(wrong)).to.throw(
        CliError,
        /^--\w+ /,
      )
  })
})

describe('places of a node', () => {
  const link = (index: number, name: string, kind: string, master = 0) => ({
    ...{ index, name, kind, master, loopback: name === 'lo' },
  })

  it('are told by the kind of an interface', () => {
    const links = [
      ...[link(1, 'lo', ''), link(2, 'eth0', ''), link(3, 'kube-bridge', 'bridge')],
      ...[link(4, 'veth1', 'veth', 3), link(5, 'wg0', 'wireguard'), link(6, 'lab', 'veth')],
    ]
    expect(links.map(placeOf)).to.deep.equal(['loopback', 'uplink', 'bridge', 'pod', 'uplink', 'uplink'])
    expect(placesText(links)).to.equal(
      '1 pod, bridge kube-bridge, uplink eth0, uplink wg0, uplink lab, loopback lo',
    )
  })
})
