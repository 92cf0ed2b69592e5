/**
 * Faults that users of other products met with policies of pods behind Services, as cases with real packets on two nodes: each is named as in
 * the list of reports. What there is of the other node has a proxy of its own.
 */
import type { NetworkPolicyObject } from '@podroute/cluster/objects/network-policy.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import type { ObjectProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import { A4, A6, type Asking, B4, B6, C4, C6, type Host, type Network, NODE } from './support/network.ts'
import { sharedNetwork, startProxy } from './support/shared-network.ts'

const VIP = ['10.96.0.41', 'fd10:96::41']
/** Of a load balancer; both are reached through the node. */
const BALANCER = ['192.0.2.41', 'fd20::41']
const NODE_PORT = 30_041
const OTHER = { v4: '172.31.0.12', v6: 'fd31::12' }
/** Clients from outside: K, whom policies name, and M. */
const K = ['172.31.0.100', 'fd31::100']
const M = ['172.31.0.101', 'fd31::101']
const JOBS = 20

type Spec = NonNullable<NetworkPolicyObject['spec']>
type Outcome = string | undefined

const labelled = (app: string) => ({ podSelector: { matchLabels: { app } } })
const blocks = (addresses: readonly string[]) =>
  addresses.map((address) => ({ ipBlock: { cidr: `${address}/${address.includes(':') ? 128 : 32}` } }))
const ofTeam = (team: string) => ({ namespaceSelector: { matchLabels: { team } } })
const DENIED = 'ETIMEDOUT'
/** For what must not be answered, and would be at once. */
const SHORT: Asking = { patience: 400 }

describe('reports from the field, of pods behind Services', function () {
  this.timeout(120_000)
  let network: Network
  let proxies: readonly ObjectProxy[]
  let enforcement: Enforcement
  let kernel: Kernel
  const state = new ClusterState()
  const stack = new AsyncDisposableStack()

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    await network.exec('other', 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    for (const [index, address] of M.entries()) {
      const at = [`${address}/${[24, 64][index]}`, 'dev', 'eth0']
      await network.exec('client', 'ip', 'addr', 'add', ...at, ...(index === 1 ? ['nodad'] : []))
      stack.defer(async () => void (await network.exec('client', 'ip', 'addr', 'del', ...at)))
    }
    const ranges = { externalRanges: ['192.0.2.0/24', 'fd20::/112'] }
    const there = { ...network, namespace: network.other.namespace }
    proxies = [
      await startProxy(stack, network, ranges),
      await startProxy(stack, there, {
        ...ranges,
        ...{ nodeName: 'other', nodeAddresses: [OTHER.v4, OTHER.v6] },
      }),
    ]
    kernel = stack.use(openKernel({ netns: network.namespace }))
    enforcement = new Enforcement({ nodeName: 'node', cluster: state, kernel })
    stack.defer(() => enforcement[Symbol.asyncDispose]())
    stack.defer(() => enforcement.cleanup())
    state.subscribe('networkpolicies', {
      changed: (key, a, b) => enforcement.policyChanged(key, a, b),
      synced() {},
    })
    state.subscribe('namespaces', { changed: (key) => enforcement.namespaceChanged(key), synced() {} })
    state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
    for (const team of ['shop', 'edge', 'front']) state.set('namespaces', team, { labels: { team } })
    await enforcement.adopt()
    await enforcement.synced()
  })
  after(() => stack.disposeAsync())
  beforeEach(async () => {
    await forgetFlows()
    for (const key of [...state.networkPolicies.keys()]) state.delete('networkpolicies', key)
    for (const key of [...state.pods.keys()]) state.delete('pods', key)
  })

  /**
   * Of two connections of a client to one endpoint, by a Service and without, that happen to have the same port, conntrack lets the second
   * not begin for two minutes after the end of the first: those of the tests before are many.
   */
  const forgetFlows = async () => void (await kernel.flows.forget(await kernel.flows.select(() => true)))
  const pod = (key: string, node: string, addresses: readonly string[]) =>
    state.set('pods', key, { uid: key, labels: { app: key.split('/')[1]! }, node, addresses })
  const policy = async (key: string, spec: Spec) => {
    state.set('networkpolicies', key, { spec })
    expect((await enforcement.flush()).failed).to.equal(0)
  }
  /** The Service web, of all ways in, with endpoints of both families. */
  const serve = async (endpoints: readonly (readonly [v4: string, v6: string])[], more: object = {}) => {
    const ports = [{ name: 'http', port: 80, nodePort: NODE_PORT, protocol: 'TCP' }]
    const at = [{ name: 'http', port: 8080, protocol: 'TCP' }]
    const ingress = BALANCER.map((ip) => ({ ip, ipMode: 'VIP' }))
    const spec = { type: 'LoadBalancer', clusterIPs: VIP, ports, ...more }
    for (const proxy of proxies) {
      proxy.upsertService(service('web', spec, { status: { loadBalancer: { ingress } } }))
      for (const family of [0, 1] as const)
        proxy.upsertSlice(
          slice(
            'web',
            endpoints.map((endpoint) => endpoint[family]),
            at,
          ),
        )
      await proxy.flush()
    }
  }
  /** The name of who answered, or why nobody did. */
  const asks = (host: Host, address: string, port: number, more: Asking = {}): Promise<Outcome> =>
    host.tcp(address, port, undefined, more).then(
      (answer) => answer.split(' ')[0],
      (error: NodeJS.ErrnoException) => error.code,
    )
  const distinct = async (outcomes: readonly Promise<Outcome>[]) =>
    [...new Set(await Promise.all(outcomes))].sort()

  it('A1: egress knows a Service by its endpoints and their port, on all three ways in, and a balancer of others by its address', async () => {
    for (const [where, endpoint, more] of [
      ['an endpoint of this node', [A4, A6], {}],
      ['an endpoint of another node', [C4, C6], {}],
      ['externalTrafficPolicy Local', [A4, A6], { externalTrafficPolicy: 'Local' }],
    ] as const) {
      pod('edge/web', endpoint[0] === A4 ? 'node' : 'other', endpoint)
      pod('shop/b', 'node', [B4, B6])
      await serve([endpoint], more)
      const answer = endpoint[0] === A4 ? 'a' : 'c'
      /** The balancer, the ClusterIP and the pod itself, in both families; and a host outside, where nobody listens. */
      const tries = async (expected: { web: readonly string[]; outside: readonly string[] }) => {
        const web = expected.web[0] === DENIED ? SHORT : {}
        const outside = expected.outside[0] === DENIED ? SHORT : {}
        return {
          web: await distinct(
            [0, 1].flatMap((family) => [
              asks(network.podB, BALANCER[family]!, 80, web),
              asks(network.podB, VIP[family]!, 80, web),
              asks(network.podB, endpoint[family]!, 8080, web),
            ]),
          ),
          outside: await distinct(K.map((address) => asks(network.podB, address, 80, outside))),
        }
      }
      const denied = { web: [DENIED], outside: [DENIED] }
      const allowed = { web: [answer], outside: [DENIED] }
      for (const [name, egress, expected] of [
        ["the balancer's address", { to: blocks(BALANCER) }, denied],
        ['the ClusterIP', { to: blocks(VIP) }, denied],
        ['the namespace', { to: [ofTeam('edge')] }, allowed],
        ["the namespace, at the Service's port", { to: [ofTeam('edge')], ports: [{ port: 80 }] }, denied],
        ["the namespace, at the endpoint's port", { to: [ofTeam('edge')], ports: [{ port: 8080 }] }, allowed],
        ['the host outside', { to: blocks(K) }, { web: [DENIED], outside: ['ECONNREFUSED'] }],
      ] as const) {
        await policy('shop/p', { ...labelled('b'), policyTypes: ['Egress'], egress: [egress as object] })
        await forgetFlows()
        expect(await tries(expected), `${where}: ${name}`).to.deep.equal(expected)
      }
      state.delete('networkpolicies', 'shop/p')
    }
  })

  it('A11: a pod reaches itself through its own Service whatever the policies say, and nobody else gains by it', async () => {
    const variants: readonly (readonly [name: string, spec: Spec, ofOthers: readonly Outcome[]])[] = [
      [
        'front and the own namespace',
        { ...labelled('a'), ingress: [{ from: [ofTeam('front'), ofTeam('shop')] }] },
        ['b'],
      ],
      ['front alone', { podSelector: {}, ingress: [{ from: [ofTeam('front')] }] }, [DENIED]],
      ['nobody, and nothing out', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, [DENIED]],
    ]
    const ways = () => [
      ...VIP.map((vip) => [vip, 80] as const),
      [NODE.v4, NODE_PORT] as const,
      [NODE.v6, NODE_PORT] as const,
    ]
    for (const [name, spec, ofOthers] of variants) {
      pod('shop/a', 'node', [A4, A6])
      pod('bank/b', 'node', [B4, B6])
      state.delete('pods', 'shop/b')
      await policy('shop/p', spec)
      await serve([[A4, A6]])
      const own = [asks(network.podA, A4, 8080), asks(network.podA, A6, 8080)]
      expect(
        await distinct([...own, ...ways().map(([address, port]) => asks(network.podA, address, port))]),
        name,
      ).to.deep.equal(['a'])
      const others = ways().map(([address, port]) => asks(network.podB, address, port, SHORT))
      expect(await distinct(others), `${name}: a pod of another namespace`).to.deep.equal([DENIED])
      // Through another node it comes as that node.
      const around = [OTHER.v4, OTHER.v6].map((address) => asks(network.podA, address, NODE_PORT, SHORT))
      expect(await distinct(around), `${name}: through another node`).to.deep.equal([DENIED])

      state.delete('pods', 'bank/b')
      pod('shop/b', 'node', [B4, B6])
      await serve([
        [A4, A6],
        [B4, B6],
      ])
      await enforcement.flush()
      const landed = ways().map(([address, port]) =>
        distinct(Array.from({ length: 12 }, () => asks(network.podA, address, port))),
      )
      const expected = ['a', ...ofOthers].sort()
      expect(await Promise.all(landed), `${name}: one of two`).to.deep.equal(ways().map(() => expected))
    }
  })

  it('A13: short jobs of another node are let in at once, or by their second SYN, and those of other namespaces never', async () => {
    pod('shop/a', 'node', [A4, A6])
    await serve([[A4, A6]])
    await policy('shop/p', {
      ...labelled('a'),
      ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 8080 }] }],
    })
    const enforced: number[] = []
    for (const [team, expected] of [
      ['shop', 'a'],
      ['front', DENIED],
    ] as const)
      for (let job = 0; job < (team === 'shop' ? JOBS : 2); job++) {
        const family = job % 2
        const localAddress = [C4, C6][family]!
        const patience = expected === 'a' ? 15_000 : undefined
        const asked = asks(network.other, VIP[family]!, 80, { localAddress, ...(patience && { patience }) })
        const told = performance.now()
        pod(`${team}/job-${job}`, 'other', [C4, C6])
        await enforcement.flush()
        enforced.push(performance.now() - told)
        expect(await asked, `job ${job} of ${team}`).to.equal(expected)
        state.delete('pods', `${team}/job-${job}`)
        await enforcement.flush()
        // Its address is nobody's again.
        if (job < 2)
          expect(await asks(network.other, VIP[family]!, 80, { localAddress, ...SHORT })).to.equal(DENIED)
      }
    // From the pod's address until the kernel lets it in.
    expect(enforced.toSorted((a, b) => a - b)[enforced.length >> 1]).to.be.lessThan(500)
  })

  it('A18: a policy sees the client itself through the node of the endpoint, and the node through another one', async () => {
    pod('shop/a', 'node', [A4, A6])
    pod('shop/b', 'node', [B4, B6])
    const from = (addresses: readonly string[]) =>
      policy('shop/p', { ...labelled('a'), ingress: [{ from: blocks(addresses), ports: [{ port: 8080 }] }] })
    const here = [NODE.v4, NODE.v6]
    const there = [OTHER.v4, OTHER.v6]
    /** By the node's port and, of the node with the endpoint, by the balancer's address. */
    const outside = (client: readonly string[], node: readonly string[], more: Asking = {}) =>
      distinct(
        [0, 1].flatMap((family) => {
          const from = { localAddress: client[family], ...more }
          return [
            asks(network.client, node[family]!, NODE_PORT, from),
            ...(node === here ? [asks(network.client, BALANCER[family]!, 80, from)] : []),
          ]
        }),
      )
    const inside = () => distinct(here.map((address) => asks(network.podB, address, NODE_PORT, SHORT)))

    await serve([[A4, A6]])
    await from(K)
    expect(await outside(K, here), 'K').to.deep.equal(['a'])
    expect(await outside(M, here, SHORT), 'M').to.deep.equal([DENIED])
    expect(await outside(K, there, SHORT), 'K through the other node').to.deep.equal([DENIED])
    expect(await inside(), "a pod through its node's port").to.deep.equal([DENIED])
    await from(there)
    expect(await outside(K, there), 'K as the other node').to.deep.equal(['a'])
    expect(await outside(M, there), 'M as the other node').to.deep.equal(['a'])
    expect(await outside(K, here, SHORT), 'K itself').to.deep.equal([DENIED])
    await from(here)
    expect(await outside(M, here, SHORT), 'M is not the node itself').to.deep.equal([DENIED])

    await serve([[A4, A6]], { externalTrafficPolicy: 'Local' })
    await from(K)
    expect(await outside(K, here), 'Local: K').to.deep.equal(['a'])
    expect(await outside(M, here, SHORT), 'Local: M').to.deep.equal([DENIED])
    expect(await outside(K, there), 'Local: a node without an endpoint').to.not.include('a')
  })
})
