import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { QuickApi } from '../support/quick-api.ts'

/** Nodes that the API server takes although nobody can use them, each with what the agent says about it. */
const BAD_NODES: readonly BadNode[] = [
  {
    name: 'leading-zero',
    podCIDR: '010.244.90.0/24',
    says: 'spec.podCIDRs[0]: not a prefix: 010.244.90.0/24',
  },
  { name: 'mapped', podCIDR: '::ffff:10.244.91.0/120', says: 'not a prefix: ::ffff:10.244.91.0/120' },
  { name: 'everything', podCIDR: '0.0.0.0/0', says: 'spec.podCIDRs[0]: the whole address space: 0.0.0.0/0' },
  { name: 'tiny', podCIDR: '10.244.92.0/32', says: 'spec.podCIDRs[0]: too small for pods: 10.244.92.0/32' },
  { name: 'multicast', podCIDR: '224.0.0.0/8', says: 'spec.podCIDRs[0]: not for unicast: 224.0.0.0/8' },
  { name: 'name-as-address', address: 'db-server', says: 'status.addresses: not an address: db-server' },
  { name: 'zone', address: 'fe80::1%eth0', says: 'status.addresses: not an address: fe80::1%eth0' },
  { name: 'loopback', address: '127.0.0.1', says: 'status.addresses: not for unicast: 127.0.0.1' },
  { name: 'same-address', address: '172.31.0.11', says: "status.addresses: 172.31.0.11 is node-1's already" },
]
/** Takes in every other node's prefixes, which an nftables set of intervals refuses. */
const OVERLAPPING = { name: 'overlapping', podCIDR: '10.0.0.0/8', says: '' }

const PATCHES = 60
/** Of one object and reason at once, and one more a minute later. */
const MOST_NOISE = 6

interface BadNode {
  readonly name: string
  readonly podCIDR?: string
  readonly address?: string
  readonly says: string
}

/** Services and slices that the API server takes, each with what the agent says about it. */
const BAD_SERVICES: readonly { object: object; status?: object; says: string }[] = [
  {
    object: service('mapped', { externalIPs: ['::ffff:10.1.2.3'] }),
    says: '"object":"default/mapped","detail":"spec.externalIPs[0]"',
  },
  {
    object: service('ranges', { type: 'LoadBalancer', loadBalancerSourceRanges: ['010.0.0.0/8'] }),
    says: '"object":"default/ranges","detail":"spec.loadBalancerSourceRanges[0]"',
  },
  {
    object: service('ingress', { type: 'LoadBalancer' }),
    status: { loadBalancer: { ingress: [{ ip: '::ffff:1.2.3.4' }] } },
    says: '"object":"default/ingress","detail":"status.loadBalancer.ingress[0]"',
  },
  {
    object: slice('zeros', { endpoints: [{ addresses: ['010.1.2.3'] }, { addresses: ['10.1.2.4'] }] }),
    says: '"object":"default/zeros","detail":"endpoints[0].addresses[0]"',
  },
  {
    object: slice('port-zero', { ports: [{ name: 'a', port: 0 }], endpoints: [{ addresses: ['10.1.2.4'] }] }),
    says: '"object":"default/port-zero","detail":"ports[0]"',
  },
]
/** Odd, but nothing to say about. */
const ODD_SERVICES: readonly object[] = [
  service('headless', { clusterIP: 'None' }),
  service('outside', { type: 'ExternalName', externalName: 'db.example' }),
  service('annotated', {}, { 'podroute.io/scheduler': 'no-such', 'kube-router.io/service.dsr': '' }),
  slice('names', { addressType: 'FQDN', endpoints: [{ addresses: ['db.example'] }] }),
  slice('all-ports', { ports: [{ name: 'any' }], endpoints: [{ addresses: ['10.1.2.5'] }] }),
]

function service(name: string, spec: object, annotations: object = {}) {
  const metadata = { name, namespace: 'default', annotations }
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }], ...spec } }
}

function slice(name: string, more: object) {
  const labels = { 'kubernetes.io/service-name': 'annotated' }
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels },
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    ...more,
  }
}

describe('bad objects', function () {
  this.timeout(60_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  const report = () => cluster.ask(one, '/status')
  /** Changes every object in a way that is no change to the agent, and waits until it has been told. */
  const touch = async (kind: string, watch: string) => {
    const events = async () => (await report()).watches.find(({ name }) => name === watch)!.events
    const before = await events()
    const list = await cluster.kubectl(
      'label',
      kind,
      '--all',
      '--overwrite',
      `touched=${before}`,
      '-o',
      'name',
    )
    const count = list.trim().split('\n').length
    await eventually(async () => (await events()) >= before + count)
  }

  before(async () => {
    cluster = await AgentCluster.start('bad-objects')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) {
      await cluster.registerNode(node)
      await cluster.allocated(node)
    }
    await cluster.stopComponent('kube-controller-manager')
    const bad = [...BAD_NODES, OVERLAPPING]
    await cluster.apply(...bad.map(({ name, podCIDR }) => nodeObject(name, podCIDR ?? '')))
    for (const { name, address } of BAD_NODES) {
      if (address === undefined) continue
      const status = { addresses: [{ type: 'InternalIP', address }], conditions: READY }
      await cluster.patchStatus(`node/${name}`, status)
    }
    await cluster.apply(...BAD_SERVICES.map(({ object }) => object), ...ODD_SERVICES)
    for (const { object, status } of BAD_SERVICES) {
      const { metadata } = object as { metadata: { name: string } }
      if (status) await cluster.patchStatus(`service/${metadata.name}`, status)
    }
    await cluster.startAgent(one, '', { serviceProxy: true })
    await cluster.startAgent(two)
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('do not keep the good Nodes from each other, and the node from being ready', async () => {
    const [ipv4, ipv6] = await cluster.podCidrs(two)
    const wanted = [`${ipv4} via ${two.ipv4}`, `${ipv6} via ${two.ipv6}`]
    await eventually(async () => expect(await cluster.routes(one)).to.deep.equal(wanted))
    await eventually(async () => (await cluster.probe(two, '/readyz')) === 200)
    await eventually(() => existsSync(cluster.conflist(one)))
    const { conditions, tables } = await report()
    // This machine's kernel may have no IPVS.
    expect(conditions.filter(({ ok, name }) => !ok && name !== 'services')).to.deep.equal([])
    expect(tables['pod-network/set-elements']).to.include({ failed: 0, pending: 0 })
  })

  it('are named once each, with the field and its value, however often the object changes', async () => {
    await touch('nodes', 'nodes')
    for (const { name, says } of BAD_NODES) {
      const lines = await cluster.said(one, `"node":"${name}"`)
      expect(lines, name).to.have.length(1)
      expect(lines[0]).to.include(says)
    }
  })

  it('of Services are named once each, field by field, and the others are taken', async () => {
    await eventually(async () => (await report()).watches.every((watch) => watch.synced))
    await touch('services', 'services')
    await touch('endpointslices', 'endpointslices')
    for (const { says } of BAD_SERVICES) expect(await cluster.said(one, says), says).to.have.length(1)
    expect(await cluster.said(one, 'a field of a Service was skipped')).to.have.length(BAD_SERVICES.length)
    const { services } = await cluster.ask(one, '/services')
    expect(services.map((s) => s.service)).to.include.members(['default/annotated', 'default/mapped'])
  })

  it('of a tenant who writes wrongly sixty times are a few Events and lines, and the rest is counted (P)', async () => {
    const heldBack = async () => {
      const text = await cluster.exec(one, 'curl', '-s', 'http://127.0.0.1:20245/metrics')
      return Number(/^podroute_events_held_back_total (\d+)$/m.exec(text)?.[1])
    }
    const before = await heldBack()
    const api = await QuickApi.open({ ...cluster, kubeconfig: cluster.control.kubeconfig })
    await cluster.apply(slice('noisy', { endpoints: [] }))
    let patches = 0
    /** Each time another endpoint of it is the bad one. */
    const patch = () => {
      const good = Array.from({ length: patches++ % 90 }, (_, i) => ({ addresses: [`10.1.2.${i + 1}`] }))
      return api.patch('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/noisy', {
        endpoints: [...good, { addresses: ['010.1.2.3'] }],
      })
    }
    // One after the other: of those that come together the agent looks at the last.
    await eventually(async () => {
      await patch()
      return (await heldBack()) > before
    }, 30_000)
    while (patches < PATCHES) await patch()
    // The last one has been read when something behind it has.
    await cluster.apply(service('behind', { externalIPs: ['::ffff:10.9.8.1'] }))
    await eventually(async () => (await cluster.said(one, '"object":"default/behind"')).length === 1)
    expect((await cluster.said(one, '"object":"default/noisy"')).length, 'lines').to.be.within(1, MOST_NOISE)
    const selector = 'involvedObject.name=noisy'
    const events = await eventually(async () => {
      const names = await cluster.kubectl('get', 'events', '--field-selector', selector, '-o', 'name')
      return names.split('\n').filter(Boolean)
    })
    expect(events.length, 'Events').to.be.within(1, MOST_NOISE)
  })
})

const READY = [{ type: 'Ready', status: 'True' }]

function nodeObject(name: string, podCIDR: string) {
  const spec = podCIDR === '' ? {} : { podCIDR, podCIDRs: [podCIDR] }
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec }
}
