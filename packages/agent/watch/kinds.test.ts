import { expect } from 'chai'
import { ENDPOINT_SLICES, NODES, SERVICES, triggerTime } from './kinds.ts'

describe('kinds', () => {
  it('keeps name, prefixes, internal addresses, readiness and zone of a Node', () => {
    const node = NODES.trim({
      metadata: {
        name: 'node-1',
        labels: { a: 'b', 'topology.kubernetes.io/zone': 'z' },
        managedFields: [{}],
      },
      spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd10::/64'], taints: [] },
      status: {
        addresses: [
          { type: 'Hostname', address: 'node-1' },
          { type: 'InternalIP', address: '172.30.0.11' },
          { type: 'ExternalIP', address: '192.0.2.1' },
          { type: 'InternalIP', address: 'fd30::11' },
        ],
        conditions: [{ type: 'Ready', status: 'True' }],
        images: [{ names: ['x'] }],
      },
    })
    expect(node).to.deep.equal({
      name: 'node-1',
      podCIDRs: ['10.244.1.0/24', 'fd10::/64'],
      internalIPs: ['172.30.0.11', 'fd30::11'],
      ready: true,
      zone: 'z',
    })
  })

  it('knows a Node that goes', () => {
    const leaving = (metadata: object, spec: object) =>
      (NODES.trim({ metadata: { name: 'n', ...metadata }, spec }) as { leaving?: boolean }).leaving
    expect(leaving({ deletionTimestamp: '2026-01-02T03:04:05Z' }, {})).to.equal(true)
    expect(leaving({}, { taints: [{ key: 'a' }, { key: 'ToBeDeletedByClusterAutoscaler' }] })).to.equal(true)
    expect(leaving({}, { taints: [{ key: 'a' }] })).to.equal(undefined)
  })

  it('knows when what a slice follows from happened', () => {
    const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': 'then', other: 'x' }
    const slice = ENDPOINT_SLICES.trim({ metadata: { name: 's', namespace: 'ns', annotations } })!
    expect(triggerTime(slice)).to.equal('then')
    expect(slice.metadata?.annotations).to.have.all.keys(Object.keys(annotations)[0]!)
  })

  it('takes a Node that has nothing yet, and one with wrong types', () => {
    const nothing = { name: 'n', podCIDRs: [], internalIPs: [], ready: false }
    expect(NODES.trim({ metadata: { name: 'n' } })).to.deep.equal(nothing)
    const odd = {
      metadata: { name: 'n' },
      spec: { podCIDRs: 7 },
      status: { addresses: ['x', null], conditions: {} },
    }
    expect(NODES.trim(odd)).to.deep.equal(nothing)
    expect(NODES.trim({ metadata: {} })).to.equal(undefined)
    expect(NODES.trim('text')).to.equal(undefined)
  })

  it('keeps of a Service what a proxy reads, and leaves out what others do not serve', () => {
    const service = SERVICES.trim({
      metadata: {
        name: 's',
        namespace: 'ns',
        annotations: { k: 'v' },
        labels: { x: 'y' },
        creationTimestamp: '2026-01-02T03:04:05Z',
        managedFields: [],
      },
      spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }], selector: { app: 'x' } },
      status: { loadBalancer: {}, conditions: [] },
    })
    expect(service).to.deep.equal({
      metadata: {
        name: 's',
        namespace: 'ns',
        annotations: { k: 'v' },
        creationTimestamp: '2026-01-02T03:04:05Z',
      },
      spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] },
      status: { loadBalancer: {} },
    })
    expect(SERVICES.labelSelector).to.equal('!service.kubernetes.io/service-proxy-name')
    expect(SERVICES.trim({ metadata: { name: 's' } })).to.equal(undefined)
  })

  it('keeps of an EndpointSlice its Service, ports and what decides over each endpoint', () => {
    const slice = ENDPOINT_SLICES.trim({
      metadata: { name: 's-1', namespace: 'ns', labels: { 'kubernetes.io/service-name': 's', other: 'x' } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['10.244.1.2'], conditions: { ready: true }, nodeName: 'n', targetRef: { uid: 'u' } },
        null,
      ],
    })
    expect(slice).to.deep.equal({
      metadata: { name: 's-1', namespace: 'ns', labels: { 'kubernetes.io/service-name': 's' } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: ['10.244.1.2'], conditions: { ready: true }, nodeName: 'n' }, {}],
    })
    expect(ENDPOINT_SLICES.labelSelector).to.equal('!service.kubernetes.io/headless')
  })
})
