/** Connections that are open when policies change, between real sockets: what is forbidden ends in both directions, and nothing else does. */
import type { NetworkPolicyObject } from '@podroute/cluster/objects/network-policy.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import { expect } from 'chai'
import { A4, A6, C4, C6, type Host, makeNetwork, type Network } from '../ipvs/support/network.ts'
import { eventually } from '../support/eventually.ts'

/** Milliseconds after which a change has had its effect on open connections, if it has any. */
const SOON = 1000
/** Milliseconds by which everything forbidden has ended: within a second on a machine that is not busy with other tests. */
const BOUND = 5000
const [PORT, OTHER_PORT] = [8080, 8081]
const CLIENT = ['172.31.0.100/32', 'fd31::100/128']

type Spec = NonNullable<NetworkPolicyObject['spec']>
type Rule = NonNullable<Spec['ingress']>[number]

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** From first to last: asked all the time, the server alone sends, datagrams of the server alone. */
async function openAll(host: Host, address: string) {
  const ask = await host.connect(address, PORT)
  const [tcp, udp] = [await host.listen('tcp', address, PORT), await host.listen('udp', address, OTHER_PORT)]
  const flows = async () => {
    const answered = await ask().then(
      () => true,
      () => false,
    )
    return [answered, (await tcp()) > 0, (await udp()) > 0]
  }
  /** After what was under way has arrived. */
  return async () => {
    await Promise.all([tcp(), udp()])
    await pause(200)
    return flows()
  }
}

describe('connections that are open when policies change', function () {
  this.timeout(60_000)
  let network: Network
  let enforcement: Enforcement
  const state = new ClusterState()
  const stack = new AsyncDisposableStack()
  const [open, closed] = [
    [true, true, true],
    [false, false, false],
  ]

  const pod = (name: string, app: string, node: string, addresses: readonly string[]) =>
    state.set('pods', `shop/${name}`, { uid: name, labels: { app }, node, addresses })
  const frontend = (app: string) => pod('frontend', app, 'other', [C4, C6])
  const policy = (name: string, spec: Spec) => state.set('networkpolicies', `shop/${name}`, { spec })
  const backends: Rule = { from: CLIENT.map((cidr) => ({ ipBlock: { cidr } })) }
  const labelled = (app: string): Rule => ({ from: [{ podSelector: { matchLabels: { app } } }] })
  const database = { podSelector: { matchLabels: { app: 'database' } } }
  const allow = (...ingress: Rule[]) => policy('database', { ...database, ingress })
  const settle = async () => {
    await enforcement.flush()
    await pause(SOON)
  }

  const endsAll = async (flows: () => Promise<boolean[]>, why: string) => {
    await enforcement.flush()
    await eventually(async () => {
      expect(await flows(), why).to.deep.equal(closed)
      return true
    }, BOUND)
    await pause(300)
    expect(await flows(), `${why}, and later`).to.deep.equal(closed)
  }

  before(async () => {
    network = stack.use(await makeNetwork('tight'))
    // The pod of the other node sends from its own address.
    await network.exec('other', 'ip', 'route', 'change', '10.244.1.0/24', 'via', '172.31.0.11', 'src', C4)
    await network.exec('other', 'ip', 'route', 'change', 'fd10:244:1::/64', 'via', 'fd31::11', 'src', C6)
    const kernel = stack.use(openKernel({ netns: network.namespace }))
    const ends = { endsConnections: () => true }
    enforcement = stack.use(new Enforcement({ nodeName: 'node', cluster: state, kernel, ...ends }))
    state.subscribe('networkpolicies', {
      changed: (key, a, b) => enforcement.policyChanged(key, a, b),
      synced() {},
    })
    state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
    pod('database', 'database', 'node', [A4, A6])
    frontend('frontend')
    allow(labelled('frontend'), backends)
    await enforcement.adopt()
    await enforcement.synced()
  })
  after(() => stack.disposeAsync())

  for (const [family, address] of [A4, A6].entries())
    it(`A22: end and stay away, and others lose nothing, IPv${family === 0 ? 4 : 6}`, async () => {
      const backend = await openAll(network.client, address)
      const asked = network.client.load(address, PORT, 3500)
      const front = await openAll(network.other, address)
      expect(await front()).to.deep.equal(open)
      allow(backends)
      await endsAll(front, 'the policy names it no more')
      expect(await backend(), 'another client').to.deep.equal(open)
      expect(await asked).to.deep.include({ failed: 0 })
      allow(labelled('frontend'), backends)
      await settle()
      expect(await (await openAll(network.other, address))(), 'allowed again').to.deep.equal(open)
    })

  it('A22: end when a client loses its label, or a policy comes that isolates the server', async () => {
    for (const tighten of [
      () => frontend('nobody'),
      () => {
        state.delete('networkpolicies', 'shop/database')
        policy('deny', database)
      },
    ]) {
      allow(labelled('frontend'), backends)
      state.delete('networkpolicies', 'shop/deny')
      frontend('frontend')
      await settle()
      const front = await openAll(network.other, A4)
      expect(await front()).to.deep.equal(open)
      tighten()
      await endsAll(front, String(tighten))
    }
  })

  it('go on through what allows more, without a new one', async () => {
    state.delete('networkpolicies', 'shop/deny')
    allow(labelled('frontend'))
    await settle()
    const front = await openAll(network.other, A4)
    allow(labelled('frontend'), backends)
    await settle()
    expect(await front()).to.deep.equal(open)
    state.delete('networkpolicies', 'shop/database')
    await settle()
    expect(await front(), 'no policy at all').to.deep.equal(open)
  })
})
