import { cidr } from '@podroute/address/cidr.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import { expect } from 'chai'
import { type SliceEndpoint, service, slice } from '../testing/objects.ts'
import { NODE, planOf } from '../testing/planning.ts'

type Spec = NonNullable<ServiceObject['spec']>
const LOCAL = '10.244.1.2'
const REMOTE = '10.244.2.2'
const VIP = '198.51.100.7'

const terminating = (address: string): SliceEndpoint => ({
  addresses: [address],
  conditions: { ready: false, serving: true, terminating: true },
})
const unready = (address: string): SliceEndpoint => ({ addresses: [address], conditions: { ready: false } })
const clusterIp = (more: Spec = {}) => service('web', { clusterIP: '10.96.0.1', ...more })
function balanced(more: Spec = {}, ingress: readonly { ip?: string; ipMode?: string }[] = [{ ip: VIP }]) {
  const spec = { type: 'LoadBalancer', clusterIP: '10.96.0.1', ...more }
  return service('web', spec, { status: { loadBalancer: { ingress } } })
}
const web = (...endpoints: (string | SliceEndpoint)[]) => [slice('web', endpoints)]

describe('planning a Service', () => {
  describe('session affinity', () => {
    const serverOf = (more: Spec) => planOf(clusterIp(more), web(LOCAL)).frontends[0]!.server

    it('makes the virtual server persistent for as long as it says, three hours by default', () => {
      expect(serverOf({}).timeout).to.equal(0)
      expect(serverOf({}).flags & 1).to.equal(0)
      const hours = serverOf({ sessionAffinity: 'ClientIP' })
      expect([hours.flags & 1, hours.timeout]).to.deep.equal([1, 10_800])
      const sessionAffinityConfig = { clientIP: { timeoutSeconds: 120 } }
      expect(serverOf({ sessionAffinity: 'ClientIP', sessionAffinityConfig }).timeout).to.equal(120)
    })

    describe('shorter than TIME_WAIT', () => {
      const sessionAffinityConfig = { clientIP: { timeoutSeconds: 30 } }
      const short = { sessionAffinity: 'ClientIP', sessionAffinityConfig }
      const numbersOf = (plan: ReturnType<typeof planOf>, vip = '10.96.0.1') =>
        (plan.sets['service-affinity-numbers-4'] ?? []).filter((element) => element.startsWith(`${vip} `))

      it('is left to nftables, which knows each endpoint by a number', () => {
        const plan = planOf(clusterIp(short), web(LOCAL, REMOTE))
        const [{ server, affinity }] = plan.frontends as [(typeof plan.frontends)[0]]
        expect([server.flags & 1, server.timeout]).to.deep.equal([0, 0])
        const place = { family: 4, protocol: 'tcp', address: '10.96.0.1', port: 80 }
        expect(affinity).to.deep.equal({ ...place, seconds: 30 })
        expect(plan.sets['service-affinity-4']).to.deep.equal([
          '10.96.0.1 . tcp . 80 : goto affinity-tcp-10.96.0.1-80',
        ])
        const numbers = numbersOf(plan).map((element) => element.split(' : '))
        expect(numbers.map(([key]) => key)).to.deep.equal(
          [LOCAL, REMOTE].map((address) => `10.96.0.1 . tcp . 80 . ${address} . 8080`),
        )
        expect(plan.sets['service-affinity-endpoints-4']).to.have.members(
          numbers.map(([key, mark]) => `10.96.0.1 . tcp . 80 . ${Number(mark)} : ${key!.slice(23)}`),
        )
      })

      it('gives an endpoint the same number whatever stands beside it, each another one, none that Kubernetes’ own rules act on', () => {
        const many = Array.from({ length: 2000 }, (_, index) => `10.244.${index >> 8}.${index & 255}`)
        const marks = numbersOf(planOf(clusterIp(short), web(...many))).map((text) =>
          Number(text.split(' : ')[1]),
        )
        expect(new Set(marks).size).to.equal(2000)
        for (const mark of marks) expect(mark & 0xff00_c000).to.equal(0x5d00_0000)
        const alone = numbersOf(planOf(clusterIp(short), web(REMOTE)))
        expect(numbersOf(planOf(clusterIp(short), web(LOCAL, REMOTE)))).to.include.members(alone)
      })

      it('holds for clients outside, too: their virtual server is not persistent either', () => {
        const local = balanced({ ...short, externalTrafficPolicy: 'Local' })
        const { frontends } = planOf(local, web(LOCAL))
        expect(frontends.map(({ server, affinity }) => [server.timeout, affinity?.address])).to.deep.equal([
          [0, '10.96.0.1'],
          [0, VIP],
          [0, undefined],
        ])
      })

      it('knows the endpoints of clients outside and of the others by the same numbers, and forgets all with the policy', () => {
        const local = (name: string) => ({ addresses: [name], nodeName: 'node' })
        const endpoints = [slice('web', [local(LOCAL), local('10.244.1.3'), REMOTE])]
        const numbers = (policy: string) =>
          numbersOf(planOf(balanced({ ...short, externalTrafficPolicy: policy }), endpoints), VIP)
        expect(numbers('Local')).to.have.length(3)
        expect(numbers('Cluster')).to.have.length(3).and.not.include.members(numbers('Local').slice(0, 1))
      })

      it('leads to each endpoint’s own port', () => {
        const ports = [{ port: 9090, protocol: 'TCP' }]
        const plan = planOf(clusterIp(short), [...web(LOCAL), slice('web', [REMOTE], ports, '-b')])
        expect(numbersOf(plan).map((element) => element.split(' : ')[0])).to.deep.equal([
          `10.96.0.1 . tcp . 80 . ${LOCAL} . 8080`,
          `10.96.0.1 . tcp . 80 . ${REMOTE} . 9090`,
        ])
      })
    })

    it('holds for clients outside, too', () => {
      const plan = planOf(
        balanced({ sessionAffinity: 'ClientIP', externalTrafficPolicy: 'Local' }),
        web(LOCAL),
      )
      expect(plan.frontends.map(({ server }) => server.timeout)).to.deep.equal([10_800, 10_800, 10_800])
    })
  })

  it('masquerades pods too, where it is configured to', () => {
    const setsOf = (masqueradeAll: boolean) => planOf(clusterIp(), web(LOCAL), { masqueradeAll }).sets
    expect(setsOf(true)['service-masquerade-4']).to.deep.equal(['10.96.0.1 . tcp . 80'])
    expect(setsOf(false)['service-masquerade-4']).to.equal(undefined)
  })

  describe('internalTrafficPolicy Local', () => {
    const local = clusterIp({ internalTrafficPolicy: 'Local' })

    it('uses the endpoints of this node', () => {
      expect(planOf(local, web(LOCAL, REMOTE)).endpoints).to.deep.equal({ 'tcp 10.96.0.1 80': [LOCAL] })
    })

    it('falls back to those of this node that still serve while they terminate', () => {
      const plan = planOf(local, web(terminating(LOCAL), unready('10.244.1.3'), REMOTE))
      expect(plan.endpoints).to.deep.equal({ 'tcp 10.96.0.1 80': [LOCAL] })
    })

    it('leaves clients without an answer where only other nodes have endpoints, and refuses them where none has', () => {
      const elsewhere = planOf(local, web(REMOTE))
      expect(elsewhere.endpoints).to.deep.equal({ 'tcp 10.96.0.1 80': [] })
      expect(elsewhere.sets).to.have.property('service-dropped-4').deep.equal(['10.96.0.1 . tcp . 80'])
      expect(elsewhere.sets).not.to.have.property('service-refused-4')
      const nowhere = planOf(local, web(unready(REMOTE)))
      expect(nowhere.sets).to.have.property('service-refused-4')
      expect(nowhere.sets).not.to.have.property('service-dropped-4')
    })

    it('does not hold for clients outside', () => {
      const plan = planOf(balanced({ internalTrafficPolicy: 'Local' }), web(LOCAL, REMOTE))
      expect(plan.endpoints[`tcp ${VIP} 80`]).to.deep.equal([LOCAL, REMOTE])
    })
  })

  describe('externalTrafficPolicy Local', () => {
    const ports = [{ port: 80, nodePort: 30080 }]
    const local = balanced({ externalTrafficPolicy: 'Local', ports })

    it('gives clients outside the endpoints of this node, without masquerade, and all to others', () => {
      const plan = planOf(local, web(LOCAL, REMOTE))
      expect(plan.endpoints).to.deep.equal({
        'tcp 10.96.0.1 80': [LOCAL, REMOTE],
        [`tcp ${VIP} 80`]: [LOCAL, REMOTE],
        [`outside tcp ${VIP} 80`]: [LOCAL],
        [`tcp ${NODE.v4} 30080`]: [LOCAL, REMOTE],
        [`outside tcp ${NODE.v4} 30080`]: [LOCAL],
      })
      expect(plan.sets['service-direct-4']).to.deep.equal([`${NODE.v4} . tcp . 30080`, `${VIP} . tcp . 80`])
      expect(plan.sets).not.to.have.property('service-masquerade-4')
      expect(plan.sets['service-marks-4']).to.have.length(2)
    })

    it('masquerades with policy Cluster', () => {
      const plan = planOf(balanced({ ports }), web(LOCAL, REMOTE))
      expect(plan.sets['service-masquerade-4']).to.deep.equal([
        `${NODE.v4} . tcp . 30080`,
        `${VIP} . tcp . 80`,
      ])
      expect(plan.sets).not.to.have.property('service-direct-4')
    })

    it('falls back to endpoints of this node that still serve while they terminate', () => {
      const plan = planOf(local, web(terminating(LOCAL), REMOTE))
      expect(plan.endpoints[`outside tcp ${VIP} 80`]).to.deep.equal([LOCAL])
      expect(plan.endpoints[`tcp ${VIP} 80`]).to.deep.equal([REMOTE])
    })

    it('leaves clients outside without an answer where only other nodes have endpoints', () => {
      const plan = planOf(local, web(REMOTE))
      expect(plan.sets['service-dropped-outside-4']).to.deep.equal([
        `${NODE.v4} . tcp . 30080`,
        `${VIP} . tcp . 80`,
      ])
      expect(plan.sets).not.to.have.property('service-refused-4')
      expect(planOf(local, []).sets).not.to.have.property('service-dropped-outside-4')
      expect(planOf(local, []).sets['service-refused-4']).to.have.length(3)
    })

    it('keeps the mark of an address from one plan to the next', () => {
      const marks = () => planOf(local, web(LOCAL)).frontends.flatMap(({ server }) => server.fwmark ?? [])
      expect(marks()).to.deep.equal(marks())
      expect(new Set(marks()).size).to.equal(2)
    })
  })

  describe('loadBalancerSourceRanges', () => {
    const ranged = (ranges: string[]) =>
      planOf(
        balanced({ loadBalancerSourceRanges: ranges, ports: [{ port: 80, nodePort: 30080 }] }),
        web(LOCAL),
      ).sets

    it('restricts the addresses of load balancers, not NodePorts and ClusterIPs', () => {
      const sets = ranged([' 203.0.113.0/24 ', '203.0.113.9/32', '192.0.2.1/32', '2001:db8::/32'])
      expect(sets['service-ranged-4']).to.deep.equal([`${VIP} . tcp . 80`])
      expect(sets['service-ranges-4'], 'one range in another, blanks, and the other family').to.deep.equal([
        `${VIP} . tcp . 80 . 192.0.2.1`,
        `${VIP} . tcp . 80 . 203.0.113.0/24`,
      ])
    })

    it('keeps everybody out where none of them can be read', () => {
      expect(ranged(['10.0.0.0/33'])['service-ranges-4']).to.deep.equal([`${VIP} . tcp . 80 . 0.0.0.0`])
    })

    it('does not restrict where all are allowed, or the family has no range', () => {
      expect(ranged(['203.0.113.0/24', '0.0.0.0/0'])).not.to.have.property('service-ranged-4')
      expect(ranged(['2001:db8::/32'])).not.to.have.property('service-ranged-4')
    })
  })

  describe('addresses', () => {
    it('are taken from load balancers that name one, unless they deliver to the node by themselves', () => {
      const ingress = [
        { ip: VIP },
        { ip: '198.51.100.8', ipMode: 'Proxy' },
        { ip: '198.51.100.9', ipMode: 'VIP' },
        {},
      ]
      const plan = planOf(balanced({}, ingress), web(LOCAL))
      expect(Object.keys(plan.endpoints)).to.deep.equal([
        'tcp 10.96.0.1 80',
        `tcp ${VIP} 80`,
        'tcp 198.51.100.9 80',
      ])
    })

    it('are taken from externalIPs inside configured ranges only', () => {
      const externalIPs = [VIP, '203.0.113.5', '10.96.0.200']
      const inside = planOf(clusterIp({ externalIPs }), web(LOCAL), {
        externalRanges: ['198.51.100.0/24', '10.96.0.0/16'].map(cidr),
      })
      expect(Object.keys(inside.endpoints)).to.deep.equal(['tcp 10.96.0.1 80', `tcp ${VIP} 80`])
      expect(inside.all).to.deep.equal([
        'ADDRESS_REFUSED 203.0.113.5: not in a range that is configured for externalIPs',
        'ADDRESS_REFUSED 10.96.0.200: inside the range of pods or Services',
      ])
      expect(
        Object.keys(planOf(clusterIp({ externalIPs }), [], { externalRanges: [] }).endpoints),
      ).to.have.length(1)
    })

    it('of a node stay the node’s', () => {
      expect(planOf(service('web', { clusterIP: NODE.v4 }), web(LOCAL)).all).to.deep.equal([
        `ADDRESS_REFUSED ${NODE.v4}: the address of a node`,
      ])
      expect(planOf(balanced({}, [{ ip: NODE.v4 }]), web(LOCAL)).all).to.have.length(1)
      const other = planOf(balanced({}, [{ ip: '192.0.2.12' }]), web(LOCAL))
      expect([Object.keys(other.endpoints), other.all]).to.deep.equal([['tcp 10.96.0.1 80'], []])
    })

    it('of this node answer when they are allowed as external ones, and are not made a service address', () => {
      const plan = planOf(clusterIp({ externalIPs: [NODE.v4] }), web(LOCAL), {
        externalRanges: ['192.0.2.0/24'].map(cidr),
      })
      expect(plan.frontends.map(({ address, vip }) => [address, vip])).to.deep.equal([
        ['10.96.0.1', '10.96.0.1'],
        [NODE.v4, undefined],
      ])
    })

    it('that no client can reach are refused', () => {
      for (const ip of ['127.0.0.1', '0.0.0.0', '224.0.0.1', '169.254.1.1']) {
        expect(planOf(balanced({}, [{ ip }]), web(LOCAL)).all, ip).to.have.length(1)
      }
    })

    it('of a family that the Service does not have are left alone', () => {
      const plan = planOf(balanced({}, [{ ip: '2001:db8:1::7' }]), web(LOCAL))
      expect(Object.keys(plan.endpoints)).to.deep.equal(['tcp 10.96.0.1 80'])
    })
  })

  describe('topology hints', () => {
    const hinted = (address: string, zones: string[], nodes: string[] = []): SliceEndpoint => ({
      addresses: [address],
      hints: { forZones: zones.map((name) => ({ name })), forNodes: nodes.map((name) => ({ name })) },
    })
    const chosen = (endpoints: (string | SliceEndpoint)[], more: Spec = {}) =>
      planOf(clusterIp(more), web(...endpoints)).endpoints['tcp 10.96.0.1 80']

    it('keep traffic in the zone', () => {
      expect(chosen([hinted(LOCAL, ['zone-b']), hinted(REMOTE, ['zone-a', 'zone-c'])])).to.deep.equal([
        REMOTE,
      ])
    })

    it('for nodes come first', () => {
      const endpoints = [hinted(LOCAL, ['zone-a'], ['other']), hinted(REMOTE, ['zone-a'], ['node'])]
      expect(chosen(endpoints)).to.deep.equal([REMOTE])
      expect(chosen([hinted(LOCAL, ['zone-b'], ['x']), hinted(REMOTE, ['zone-a'], ['y'])])).to.deep.equal([
        REMOTE,
      ])
    })

    it('are ignored unless every ready endpoint has one and one of them is for this zone', () => {
      expect(chosen([hinted(LOCAL, ['zone-b']), hinted(REMOTE, ['zone-b'])])).to.have.length(2)
      expect(chosen([hinted(LOCAL, ['zone-a']), REMOTE])).to.have.length(2)
      expect(
        chosen([hinted(LOCAL, ['zone-a']), hinted(REMOTE, ['zone-b']), unready('10.244.2.9')]),
      ).to.deep.equal([LOCAL])
    })

    it('say nothing where the policy is Local', () => {
      const endpoints = [hinted(LOCAL, ['zone-b']), hinted(REMOTE, ['zone-a'])]
      expect(chosen(endpoints, { internalTrafficPolicy: 'Local' })).to.deep.equal([LOCAL])
    })
  })

  describe('health checks', () => {
    const checked = (...endpoints: (string | SliceEndpoint)[]) =>
      planOf(balanced({ externalTrafficPolicy: 'Local', healthCheckNodePort: 32000 }), web(...endpoints))
        .healthCheck

    it('count the ready endpoints of this node', () => {
      expect(checked(LOCAL, '10.244.1.3', REMOTE)).to.deep.equal({
        port: 32000,
        namespace: 'test',
        name: 'web',
        localEndpoints: 2,
      })
      expect(checked(terminating(LOCAL), unready('10.244.1.3'))).to.include({ localEndpoints: 0 })
    })

    it('are there only where the policy is Local', () => {
      expect(planOf(balanced({ healthCheckNodePort: 32000 }), web(LOCAL)).healthCheck).to.equal(undefined)
    })
  })

  describe('annotations', () => {
    const annotated = (annotations: Record<string, string>, spec: Spec = {}) =>
      planOf(
        service('web', { clusterIP: '10.96.0.1', ...spec }, { metadata: { annotations } }),
        web(LOCAL, REMOTE),
      )

    it('choose scheduler and flags, by our names and by those of kube-router', () => {
      const both = annotated({
        'kube-router.io/service.scheduler': 'lc',
        'podroute.io/service.scheduler': 'sh',
        'kube-router.io/service.schedflags': 'sh-port, flag-1',
      })
      const { scheduler, flags } = both.frontends[0]!.server
      expect([scheduler, flags & 0x3f]).to.deep.equal(['sh', 0x18])
    })

    it('that ask for a hash of the client still let new clients in while an endpoint drains', () => {
      const planned = (scheduler: string) => {
        const { server, drain } = annotated({ 'podroute.io/service.scheduler': scheduler }).frontends[0]!
        return [server.flags & 0x3f, drain]
      }
      expect([planned('sh'), planned('mh'), planned('lc')]).to.deep.equal([
        [0x08, undefined],
        [0x08, undefined],
        [0, undefined],
      ])
      expect(planned('dh'), 'which knows no other endpoint').to.deep.equal([0, 0])
    })

    it('that make no sense are reported, and the default is taken', () => {
      const plan = annotated({
        'podroute.io/service.scheduler': 'best',
        'kube-router.io/service.schedflags': '7',
      })
      expect(plan.frontends[0]!.server.scheduler).to.equal('rr')
      expect(plan.all).to.deep.equal([
        'INVALID_FIELD metadata.annotations[podroute.io/service.scheduler]',
        'INVALID_FIELD metadata.annotations[kube-router.io/service.schedflags]',
      ])
    })

    it('turn hairpin off, set the time of a drain, and keep traffic on the node', () => {
      expect(annotated({}).sets).to.have.property('service-hairpin-4')
      expect(annotated({ 'podroute.io/service.hairpin': 'false' }).sets).not.to.have.property(
        'service-hairpin-4',
      )
      expect(annotated({ 'podroute.io/service.drain-seconds': '5' }).frontends[0]!.drain).to.equal(5)
      expect(annotated({ 'podroute.io/service.drain-seconds': '-5' }).all).to.have.length(1)
      const local = annotated(
        { 'kube-router.io/service.local': 'true' },
        { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] },
      )
      expect(local.endpoints).to.deep.equal({
        'tcp 10.96.0.1 80': [LOCAL],
        [`tcp ${NODE.v4} 30080`]: [LOCAL, REMOTE],
        [`outside tcp ${NODE.v4} 30080`]: [LOCAL],
      })
    })
  })

  it('serves SCTP like the others', () => {
    const ports = [{ port: 80, nodePort: 30080, protocol: 'SCTP' }]
    const plan = planOf(service('web', { type: 'NodePort', clusterIP: '10.96.0.1', ports }), [
      slice('web', [LOCAL], [{ port: 9, protocol: 'SCTP' }]),
    ])
    expect(plan.endpoints).to.deep.equal({ 'sctp 10.96.0.1 80': [LOCAL], [`sctp ${NODE.v4} 30080`]: [LOCAL] })
  })

  it('uses each of 1,000 endpoints once, and keeps quiet about a port that no slice has', () => {
    const addresses = Array.from({ length: 1000 }, (_, i) => `10.244.${2 + (i >> 7)}.${1 + (i & 127)}`)
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ]
    const plan = planOf(clusterIp({ ports }), [
      slice('web', addresses, [{ name: 'a', port: 8080 }, { name: 'b' }]),
      slice('web', addresses.slice(0, 500), [{ name: 'a', port: 8080 }], '-2'),
    ])
    expect(plan.endpoints['tcp 10.96.0.1 80']).to.have.length(1000)
    expect(plan.endpoints['tcp 10.96.0.1 81']).to.deep.equal([])
    expect(plan.all).to.deep.equal([])
  })
})
