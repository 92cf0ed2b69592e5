/** Network policy beside IPVS: pods behind ClusterIPs, NodePorts and load-balancer addresses are judged by endpoint and true client. */
import type { NetworkPolicyObject } from '@podroute/cluster/objects/network-policy.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import type { ObjectProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import { A4, A6, B4, B6, C4, C6, type Host, type Network, NODE } from './support/network.ts'
import { sharedNetwork, startProxy } from './support/shared-network.ts'

const VIP = ['10.96.0.40', 'fd10:96::40']
const OUTSIDE = '192.0.2.40'
const NODE_PORT = 30_040
const CLIENT = ['172.31.0.100/32', 'fd31::100/128']

type Spec = NonNullable<NetworkPolicyObject['spec']>

describe('network policy of pods behind Services', function () {
  this.timeout(120_000)
  let network: Network
  let proxy: ObjectProxy
  let enforcement: Enforcement
  const state = new ClusterState()
  const stack = new AsyncDisposableStack()
  let ends = false
  const labelled = (app: string) => ({ matchLabels: { app } })

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    proxy = await startProxy(stack, network, { externalRanges: ['192.0.2.0/24'] })
    const ports = [{ name: 'http', port: 80, nodePort: NODE_PORT, protocol: 'TCP' }]
    proxy.upsertService(service('web', { type: 'NodePort', clusterIPs: VIP, externalIPs: [OUTSIDE], ports }))
    const at = [{ name: 'http', port: 8080, protocol: 'TCP' }]
    for (const object of [slice('web', [A4], at), slice('web', [A6], at)]) proxy.upsertSlice(object)
    await proxy.flush()
    const kernel = stack.use(openKernel({ netns: network.namespace }))
    const endsConnections = () => ends
    enforcement = new Enforcement({ nodeName: 'node', cluster: state, kernel, endsConnections })
    stack.defer(() => enforcement[Symbol.asyncDispose]())
    stack.defer(() => enforcement.cleanup())
    state.subscribe('networkpolicies', {
      changed: (key, a, b) => enforcement.policyChanged(key, a, b),
      synced() {},
    })
    state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
    const pod = (name: string, node: string, addresses: readonly string[]) =>
      state.set('pods', `shop/${name}`, { uid: name, labels: { app: name }, node, addresses })
    pod('a', 'node', [A4, A6])
    pod('b', 'node', [B4, B6])
    pod('c', 'other', [C4, C6])
    await enforcement.adopt()
    await enforcement.synced()
  })
  after(() => stack.disposeAsync())
  afterEach(async () => {
    for (const key of [...state.networkPolicies.keys()]) state.delete('networkpolicies', key)
    await enforcement.flush()
  })

  const policy = async (spec: Spec) => {
    state.set('networkpolicies', 'shop/p', { spec })
    expect((await enforcement.flush()).failed).to.equal(0)
  }
  const asks = (host: Host, address: string, port: number) =>
    host.tcp(address, port).then(
      (answer) => answer.split(' ')[0],
      (error: NodeJS.ErrnoException) => error.code,
    )
  /** At the ClusterIP in both families, and at the pod itself. */
  const all = (host: Host) =>
    Promise.all([
      asks(host, VIP[0]!, 80),
      asks(host, VIP[1]!, 80),
      asks(host, A4, 8080),
      asks(host, A6, 8080),
    ])
  const open = ['a', 'a', 'a', 'a']
  const closed = ['ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT']

  it('lets pass what it let pass before, where no policy is', async () => {
    for (const host of [network.podB, network.podA, network.node])
      expect(await all(host), host.name).to.deep.equal(open)
  })

  it('denies pods of both nodes and clients, whichever way they come, but not the node and not the pod itself', async () => {
    await policy({ podSelector: labelled('a') })
    const [b, node, itself] = await Promise.all([network.podB, network.node, network.podA].map(all))
    expect(b).to.deep.equal(closed)
    expect(node).to.deep.equal(open)
    expect(itself).to.deep.equal(open)
    const outside = [asks(network.client, OUTSIDE, 80), asks(network.client, NODE.v4, NODE_PORT)]
    expect(await Promise.all(outside)).to.deep.equal(['ETIMEDOUT', 'ETIMEDOUT'])
    expect(await asks(network.other, A4, 8080)).to.equal('ETIMEDOUT')
  })

  it('allows pods by their labels, through the Service and without', async () => {
    await policy({ podSelector: labelled('a'), ingress: [{ from: [{ podSelector: labelled('b') }] }] })
    expect(await all(network.podB)).to.deep.equal(open)
    expect(await asks(network.other, A4, 8080)).to.equal('ETIMEDOUT')
  })

  it('sees clients from outside by their own address', async () => {
    const from = CLIENT.map((cidr) => ({ ipBlock: { cidr } }))
    await policy({ podSelector: labelled('a'), ingress: [{ from }] })
    expect(await asks(network.client, OUTSIDE, 80)).to.equal('a')
    expect(await asks(network.client, NODE.v4, NODE_PORT)).to.equal('a')
    expect(await asks(network.client, VIP[1]!, 80)).to.equal('a')
    expect(await all(network.podB)).to.deep.equal(closed)
  })

  it("knows egress by the endpoint and its port, not by the Service's address", async () => {
    const egress = (to: object[], port?: number): Spec => ({
      podSelector: labelled('b'),
      policyTypes: ['Egress'],
      egress: [{ to, ...(port === undefined ? {} : { ports: [{ port }] }) }],
    })
    await policy(egress([{ podSelector: labelled('a') }], 8080))
    expect(await all(network.podB)).to.deep.equal(open)
    await policy(egress([{ podSelector: labelled('a') }], 80))
    expect(await all(network.podB)).to.deep.equal(closed)
    await policy(egress([{ ipBlock: { cidr: `${VIP[0]}/32` } }, { ipBlock: { cidr: `${OUTSIDE}/32` } }]))
    expect(await asks(network.podB, VIP[0]!, 80)).to.equal('ETIMEDOUT')
    expect(await asks(network.podB, OUTSIDE, 80)).to.equal('ETIMEDOUT')
    await policy(egress([{ podSelector: labelled('a') }]))
    expect(await asks(network.podB, OUTSIDE, 80)).to.equal('a')
  })

  it('lets a connection that is open go on when it becomes forbidden, and no new one', async () => {
    const ask = await network.podB.connect(VIP[0]!, 80)
    expect(await ask()).to.match(/^a /)
    await policy({ podSelector: labelled('a') })
    expect(await ask()).to.match(/^a /)
    expect(await asks(network.podB, VIP[0]!, 80)).to.equal('ETIMEDOUT')
  })

  it('ends connections through the Service, in both directions, that become forbidden, where it is told to', async () => {
    for (const [family, address] of VIP.entries()) {
      ends = false
      const ask = await network.podB.connect(address, 80)
      const [tcp, udp] = [
        await network.podB.listen('tcp', address, 80),
        await network.podB.listen('udp', [A4, A6][family]!, 8081),
      ]
      expect(await ask()).to.match(/^a /)
      ends = true
      await policy({ podSelector: labelled('a') })
      await enforcement.settled
      await new Promise((resolve) => setTimeout(resolve, 300))
      await Promise.all([tcp(), udp()])
      expect(await ask().catch(({ code }: NodeJS.ErrnoException) => code), address).to.equal('ETIMEDOUT')
      expect([await tcp(), await udp()], 'what the server alone sends').to.deep.equal([0, 0])
      state.delete('networkpolicies', 'shop/p')
      await enforcement.flush()
      await new Promise((resolve) => setTimeout(resolve, 600))
      await enforcement.settled
      expect(await asks(network.podB, address, 80), 'allowed again').to.equal('a')
    }
  })
})
