import { expect } from 'chai'
import {
  ENDPOINT_SLICES,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  PODS,
  SERVICE_CIDRS,
  SERVICES,
  triggerTime,
} from './kinds.ts'

describe('kinds', () => {
  it('keeps name, prefixes, addresses by their types, readiness, zone and labels of a Node', () => {
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
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'NetworkUnavailable', status: 'False', reason: 'r', message: 'm', lastTransitionTime: 't' },
        ],
        images: [{ names: ['x'] }],
      },
    })
    expect(node).to.deep.equal({
      name: 'node-1',
      podCIDRs: ['10.244.1.0/24', 'fd10::/64'],
      internalIPs: ['172.30.0.11', 'fd30::11'],
      externalIPs: ['192.0.2.1'],
      ready: true,
      zone: 'z',
      labels: { a: 'b', 'topology.kubernetes.io/zone': 'z' },
      networkUnavailable: { status: 'False', reason: 'r', message: 'm', since: 't' },
    })
  })

  it('keeps of a Node who is to be there, and those annotations that may be ours', () => {
    const annotations = {
      'podroute.io/rr.server': '1',
      'kube-router.io/peers': '[]',
      tool: '{"whole": "manifest"}',
    }
    const taints = [
      { key: 'maintenance', effect: 'NoSchedule' },
      { key: 'a', value: 'b', effect: 'NoExecute' },
      7,
    ]
    const node = NODES.trim({ metadata: { name: 'n', annotations }, spec: { unschedulable: true, taints } })
    expect(node).to.deep.include({
      annotations: { 'podroute.io/rr.server': '1', 'kube-router.io/peers': '[]' },
      unschedulable: true,
      taints: [
        { key: 'maintenance', value: '', effect: 'NoSchedule' },
        { key: 'a', value: 'b', effect: 'NoExecute' },
      ],
    })
  })

  it('knows a Node that goes', () => {
    const leaving = (metadata: object, spec: object) =>
      (NODES.trim({ metadata: { name: 'n', ...metadata }, spec }) as { leaving?: boolean }).leaving
    expect(leaving({ deletionTimestamp: '2026-01-02T03:04:05Z' }, {})).to.equal(true)
    expect(leaving({}, { taints: [{ key: 'a' }, { key: 'ToBeDeletedByClusterAutoscaler' }] })).to.equal(true)
    expect(leaving({}, { taints: [{ key: 'a' }] })).to.equal(undefined)
  })

  it('knows why a machine goes: its Node is deleted, or its kubelet shuts it down', () => {
    const ending = (metadata: object, ready: object) =>
      NODES.trim({
        metadata: { name: 'n', ...metadata },
        status: { conditions: [{ type: 'Ready', ...ready }] },
      })?.ending
    const message = '[container runtime is down, node is shutting down]'
    expect(ending({ deletionTimestamp: '2026-01-02T03:04:05Z' }, { status: 'True' })).to.equal('deletion')
    expect(ending({}, { status: 'False', reason: 'KubeletNotReady', message })).to.equal('shutdown')
    expect(ending({}, { status: 'False', message: 'container runtime is down' })).to.equal(undefined)
    expect(ending({}, { status: 'True', message })).to.equal(undefined)
  })

  it('knows when what a slice follows from happened', () => {
    const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': 'then', other: 'x' }
    const slice = ENDPOINT_SLICES.trim({ metadata: { name: 's', namespace: 'ns', annotations } })!
    expect(triggerTime(slice)).to.equal('then')
    const odd = { metadata: { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': 7 } } }
    expect(triggerTime(ENDPOINT_SLICES.trim(odd)!)).to.equal(undefined)
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

  it('takes a Service with a spec as it is, and leaves out what others serve', () => {
    const service = { metadata: { name: 's', namespace: 'ns' }, spec: { clusterIP: '10.96.0.1' } }
    expect(SERVICES.trim(service)).to.equal(service)
    expect(SERVICES.labelSelector).to.equal(
      '!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless',
    )
    for (const odd of [{ metadata: { name: 's' } }, { metadata: 1, spec: {} }, 'text', null]) {
      expect(SERVICES.trim(odd)).to.equal(undefined)
    }
  })

  it('takes an EndpointSlice as it is, and leaves out those of headless Services', () => {
    const slice = { metadata: { name: 's-1', namespace: 'ns' }, endpoints: [null] }
    expect(ENDPOINT_SLICES.trim(slice)).to.equal(slice)
    expect(ENDPOINT_SLICES.labelSelector).to.equal(SERVICES.labelSelector)
    for (const odd of [{ metadata: [] }, 'text', null]) expect(ENDPOINT_SLICES.trim(odd)).to.equal(undefined)
  })

  it('keeps the ranges of a ServiceCIDR, which not every API server has', () => {
    const metadata = { name: 'kubernetes' }
    expect(SERVICE_CIDRS.trim({ metadata, spec: { cidrs: ['10.96.0.0/16', 7] } })).to.deep.equal({
      cidrs: ['10.96.0.0/16'],
    })
    expect(SERVICE_CIDRS.optional).to.equal(true)
    for (const odd of [{ metadata }, { metadata, spec: { cidrs: 'all' } }, 'text', null])
      expect(SERVICE_CIDRS.trim(odd)).to.equal(undefined)
  })

  it('keeps of a Pod its labels, node, addresses, state and ports with a name', () => {
    const pod = PODS.trim({
      metadata: {
        ...{ name: 'web', namespace: 'shop', uid: 'u', labels: { app: 'web' }, annotations: { a: 'b' } },
        ...{ creationTimestamp: '1970-01-01T00:00:01Z', deletionTimestamp: '1970-01-01T00:00:02Z' },
      },
      spec: {
        nodeName: 'node-1',
        containers: [{ env: [], ports: [{ name: 'http', containerPort: 80 }, { containerPort: 81 }] }],
        initContainers: [
          { restartPolicy: 'Always', ports: [{ name: 'dns', protocol: 'UDP', containerPort: 53 }] },
          { ports: [{ name: 'over', containerPort: 1 }] },
        ],
      },
      status: { phase: 'Running', podIP: '10.244.0.5', podIPs: [{ ip: '10.244.0.5' }, { ip: 'fd10::5' }] },
    })
    expect(pod).to.deep.equal({
      ...{ uid: 'u', labels: { app: 'web' }, node: 'node-1', created: 1000, leaving: true },
      addresses: ['10.244.0.5', 'fd10::5'],
      ports: [
        { name: 'http', protocol: undefined, port: 80 },
        { name: 'dns', protocol: 'UDP', port: 53 },
      ],
    })
    const bare = (spec: object, status: object) => PODS.trim({ metadata: {}, spec, status })
    const nothing = { uid: '', labels: {}, node: '', addresses: [] }
    expect(bare({ hostNetwork: true }, { podIP: '192.0.2.1' })).to.deep.equal({
      ...nothing,
      ...{ addresses: ['192.0.2.1'], hostNetwork: true },
    })
    for (const phase of ['Succeeded', 'Failed'])
      expect(bare({}, { phase })).to.deep.equal({ ...nothing, ended: true })
    expect(PODS.trim('text')).to.equal(undefined)
  })

  it('keeps the labels of a Namespace, and takes a NetworkPolicy as it is', () => {
    expect(NAMESPACES.trim({ metadata: { name: 'shop', labels: { team: 'a', odd: 7 } } })).to.deep.equal({
      labels: { team: 'a' },
    })
    const policy = { metadata: { name: 'p', namespace: 'shop' }, spec: {} }
    expect(NETWORK_POLICIES.trim(policy)).to.equal(policy)
    for (const kind of [NAMESPACES, NETWORK_POLICIES]) expect(kind.trim('text')).to.equal(undefined)
  })
})
