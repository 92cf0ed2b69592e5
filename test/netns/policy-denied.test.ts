/** What is dropped: counted exactly by pod and direction, shown at a bounded rate with its reason, and nothing that is allowed (A14). */
import { ClusterState } from '@podroute/cluster/state.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { type Probe, type ProbeProtocol, probeKey } from '../support/packet-probe.ts'
import { PolicyNetwork } from './policy-network.ts'

const [POD, PEER, OUTSIDE] = [
  ['10.1.0.2', 'fd10::2'],
  ['10.2.0.2', 'fd10:2::2'],
  ['192.0.2.9', '2001:db8::9'],
]
const FLOOD = 1500

describe('packets that policies drop', function () {
  this.timeout(30_000)
  const stack = new AsyncDisposableStack()
  let network: PolicyNetwork
  let enforcement: Enforcement

  before(async () => {
    const hosts = [POD, PEER, OUTSIDE].map((addresses) => ({ name: addresses![0]!, addresses: addresses! }))
    network = stack.use(await PolicyNetwork.create('pr-denied', hosts))
    const kernel = stack.use(openKernel({ netns: network.node }))
    const state = new ClusterState()
    const spec = { podSelector: { matchLabels: { app: 'pod' } } }
    state.set('pods', 'shop/pod', { uid: 'p', labels: { app: 'pod' }, node: 'node-1', addresses: POD! })
    state.set('pods', 'shop/peer', { uid: 'q', labels: { app: 'peer' }, node: 'node-2', addresses: PEER! })
    state.set('networkpolicies', 'shop/out', {
      spec: { ...spec, policyTypes: ['Egress'], egress: [{ ports: [{ port: 443 }] }] },
    })
    state.set('networkpolicies', 'shop/in', { spec: { ...spec, ingress: [{ from: [{ podSelector: {} }] }] } })
    enforcement = stack.use(new Enforcement({ nodeName: 'node-1', cluster: state, kernel }))
    for (const [key, policy] of state.networkPolicies) enforcement.policyChanged(key, undefined, policy)
    for (const [key, pod] of state.pods) enforcement.podChanged(key, undefined, pod)
    await enforcement.adopt()
    await enforcement.synced()
  })
  after(() => stack.disposeAsync())

  const send = async (probes: readonly Probe[], allowed: boolean) => {
    const expected = new Set(allowed ? probes.map(probeKey) : [])
    expect(await network.arriving(probes, expected)).to.deep.equal(expected)
  }
  const probe = (from: string, to: string, port: number, protocol: ProbeProtocol = 'TCP') => ({
    ...{ from, to, port, protocol },
  })
  const counts = async () => {
    await enforcement.denied.read()
    return Object.fromEntries(
      [...enforcement.denied.counts()].map(({ address, direction, packets }) => [
        `${direction} ${address}`,
        packets,
      ]),
    )
  }

  it('A14: are named with pods, direction and why, and what is allowed is not among them', async () => {
    for (const family of [0, 1]) {
      const [pod, peer, outside] = [POD![family]!, PEER![family]!, OUTSIDE![family]!]
      await send([probe(pod, outside, 443), probe(peer, pod, 80)], true)
      await send(
        [probe(pod, outside, 25), probe(outside, pod, 80, 'UDP'), probe(pod, peer, 53, 'UDP')],
        false,
      )
    }
    await eventually(async () => enforcement.denied.recent().length >= 6)
    const shown = enforcement.denied.recent().map((packet) => {
      const { direction, from, to, source, destination, port, protocol, reason } = packet
      return `${direction} ${from || source} ${to || destination} ${port}/${protocol} ${reason}`
    })
    expect(shown).to.have.members(
      [0, 1].flatMap((family) => [
        `egress shop/pod ${OUTSIDE![family]} 25/tcp no rule matched of shop/out`,
        `ingress ${OUTSIDE![family]} shop/pod 80/udp no rule matched of shop/in`,
        'egress shop/pod shop/peer 53/udp no rule matched of shop/out',
      ]),
    )
    const both = POD!.flatMap((address) => [
      [`egress ${address}`, 2],
      [`ingress ${address}`, 1],
    ])
    expect(await counts()).to.deep.equal(Object.fromEntries(both))
  })

  it('A14: are counted to the last one in a flood, of which few are shown', async () => {
    const before = await counts()
    const last = enforcement.denied.recent().at(-1)!.id
    const flood = Array.from({ length: FLOOD }, (_, n) => probe(OUTSIDE![0]!, POD![0]!, 1000 + n))
    await send(flood, false)
    expect(await counts()).to.deep.equal({
      ...before,
      [`ingress ${POD![0]}`]: before[`ingress ${POD![0]}`]! + FLOOD,
    })
    expect(enforcement.denied.recent(last).length).to.be.within(1, 200)
    expect(enforcement.denied.totals).to.deep.equal({ ingress: 2 + FLOOD, egress: 4 })
  })
})
