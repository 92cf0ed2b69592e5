import { expect } from 'chai'
import type { EndpointSliceObject } from './endpoint-slice.ts'
import { parseService } from './parse-service.ts'
import { parseSlice } from './parse-slice.ts'
import { problemText } from './problem.ts'
import type { ServiceObject } from './service.ts'

const service = (spec: object, metadata: object = {}): ServiceObject => ({
  metadata: { namespace: 'shop', name: 'web', uid: 'u', ...metadata },
  spec: { clusterIP: '10.96.0.9', ports: [{ port: 80 }], ...spec },
})

describe('parseService', () => {
  it('names each field that cannot be used, with the reason, and keeps the rest', () => {
    const parsed = parseService(
      service({
        type: 'LoadBalancer',
        ports: [{ port: 80 }, { port: 0, protocol: 'TCP' }],
        externalIPs: ['192.0.2.7', '::ffff:10.1.2.3'],
        loadBalancerSourceRanges: ['010.0.0.0/8', '198.51.100.0/24'],
      }),
    )!
    expect(parsed.problems.map(problemText)).to.deep.equal([
      'spec.ports[1]: no such port or protocol: {"port":0,"protocol":"TCP"}',
      'spec.externalIPs[1]: not an address: ::ffff:10.1.2.3',
      'spec.loadBalancerSourceRanges[0]: not a prefix: 010.0.0.0/8',
    ])
    expect(parsed.ports.map(({ port }) => port)).to.deep.equal([80])
    expect(parsed.externalIPs).to.deep.equal(['192.0.2.7'])
    expect(parsed.sourceRanges).to.deep.equal(['198.51.100.0/24'])
  })

  it('shows no more of a value than a line holds', () => {
    const [problem] = parseService(service({ externalIPs: ['x'.repeat(100_000)] }))!.problems
    expect(problem!.reason).to.have.length.below(200)
  })

  it("keeps podroute's and kube-router's annotations, and nobody else's", () => {
    const annotations = { 'podroute.io/a': '1', 'kube-router.io/b': '2', 'kubectl.kubernetes.io/last': '3' }
    expect(parseService(service({}, { annotations }))!.annotations).to.deep.equal({
      'podroute.io/a': '1',
      'kube-router.io/b': '2',
    })
  })

  it('is of no use without an address, as a name, or where another proxy serves it', () => {
    for (const spec of [{ clusterIP: '' }, { clusterIP: 'None' }, { type: 'ExternalName' }])
      expect(parseService(service(spec))).to.equal(undefined)
    for (const label of ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'])
      expect(parseService(service({}, { labels: { [label]: '' } }))).to.equal(undefined)
    expect(parseService({})).to.equal(undefined)
  })
})

describe('parseSlice', () => {
  const slice = (more: object): EndpointSliceObject => ({
    metadata: {
      ...{ namespace: 'shop', name: 'web-1', uid: 'u' },
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    ...more,
  })

  it('names each entry that cannot be used, with the reason, and keeps the rest', () => {
    const parsed = parseSlice(
      slice({
        ports: [{ port: 80 }, { port: 70_000 }],
        endpoints: [{ addresses: ['10.1.2.4'] }, { addresses: ['010.1.2.3'] }, { addresses: ['fd00::1'] }],
      }),
    )!
    expect(parsed.problems.map(problemText)).to.deep.equal([
      'ports[1]: no such port or protocol: {"port":70000}',
      'endpoints[1].addresses[0]: not an IPv4 address: 010.1.2.3',
      'endpoints[2].addresses[0]: not an IPv4 address: fd00::1',
    ])
    expect(parsed.endpoints.map(({ address }) => address)).to.deep.equal(['10.1.2.4'])
    expect(parsed.uid).to.equal('u')
    expect(parsed.service).to.equal('shop/web')
  })

  it('is of no use without a Service, as names, or of a headless Service', () => {
    expect(parseSlice(slice({ metadata: { namespace: 'shop', name: 'web-1' } }))).to.equal(undefined)
    expect(parseSlice(slice({ addressType: 'FQDN' }))).to.equal(undefined)
    const labels = { 'kubernetes.io/service-name': 'web', 'service.kubernetes.io/headless': '' }
    const metadata = { namespace: 'shop', name: 'web-1', labels }
    expect(parseSlice(slice({ metadata }))).to.equal(undefined)
  })
})
