/** Faults that users of other products met, as cases: what each once did wrong is said before it. */
import type { NetworkPolicyObject, PeerObject } from '@podroute/cluster/objects/network-policy.ts'
import { expect } from 'chai'
import { startNode } from './testing/started-node.ts'

type Spec = NonNullable<NetworkPolicyObject['spec']>

const SERVER = '10.244.1.2'
const [X, Y, Z, OUTSIDE] = ['10.1.2.3', '10.1.9.9', '10.7.7.7', '203.0.113.5']
const blocks = (...cidrs: string[]): PeerObject[] => cidrs.map((cidr) => ({ ipBlock: { cidr } }))

async function startServer() {
  const node = await startNode()
  node.pod('server', 'server', SERVER)
  const becomes = async (spec: Spec) => {
    node.policy('p', { podSelector: {}, ...spec })
    const { failed } = await node.flush()
    expect(failed).to.equal(0)
    expect([...node.enforcement.pending()]).to.deep.equal([])
  }
  return { ...node, becomes }
}

describe('reports from the field', () => {
  // Sets refused blocks that overlap, and policy stood still; one block's going took another one's addresses.
  it('the union of overlapping blocks counts, as they come and go', async () => {
    const { becomes, may } = await startServer()
    const verdicts = () => [X, Y, Z, OUTSIDE].map((source) => may(source, SERVER))
    const from = async (...peers: PeerObject[]) => {
      await becomes({ ingress: [{ from: peers }] })
      return verdicts()
    }
    expect(await from(...blocks('10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32'))).to.deep.equal([
      true,
      true,
      true,
      false,
    ])
    expect(await from(...blocks('10.0.0.0/8', '10.1.2.3/32'))).to.deep.equal([true, true, true, false])
    expect(await from(...blocks('10.1.2.3/32'))).to.deep.equal([true, false, false, false])
    const rest = { ipBlock: { cidr: '0.0.0.0/0', except: ['10.1.0.0/16'] } }
    expect(await from(...blocks('10.1.2.3/32'), rest)).to.deep.equal([true, false, true, true])
    expect(await from(...blocks('10.0.0.0/9', '10.128.0.0/9'))).to.deep.equal([true, true, true, false])
    const twice = { from: blocks('10.1.2.3/32'), ports: [{ port: 443 }] }
    await becomes({ ingress: [twice, { from: [rest] }] })
    expect([may(X, SERVER, 443), may(X, SERVER, 80), may(OUTSIDE, SERVER)]).to.deep.equal([true, false, true])
  })

  // endPort was accepted and ignored.
  it('ranges of ports are whole, may overlap, and move', async () => {
    const { becomes, may } = await startServer()
    const open = async (...ports: { port: number; endPort?: number; protocol?: string }[]) => {
      await becomes({ ingress: [{ ports }] })
      return [78, 79, 80, 81, 82, 83].filter((port) => may(X, SERVER, port))
    }
    expect(await open({ port: 79, endPort: 81 })).to.deep.equal([79, 80, 81])
    expect(await open({ port: 79, endPort: 81 }, { port: 80 })).to.deep.equal([79, 80, 81])
    expect(await open({ port: 79, endPort: 81 }, { port: 81, endPort: 83 })).to.deep.equal([
      79, 80, 81, 82, 83,
    ])
    expect(await open({ port: 1, endPort: 65_535 })).to.have.length(6)
    expect(await open({ port: 80, endPort: 80 })).to.deep.equal([80])
    expect(await open({ port: 80, endPort: 82 })).to.deep.equal([80, 81, 82])
    expect(await open({ port: 79, endPort: 81, protocol: 'UDP' })).to.deep.equal([])
    expect([may(X, SERVER, 80, 'udp'), may(X, SERVER, 80, 'sctp')]).to.deep.equal([true, false])
  })

  // A block of the other family was left out, and "no peers" was taken for everybody; and it stopped the policies of all.
  it('a block of a family that the pod does not have matches nothing, and keeps nobody else waiting', async () => {
    const { becomes, may, pod, policy, flush } = await startServer()
    for (const cidr of ['2001:db8:3000::/48', '::/0']) {
      await becomes({ policyTypes: ['Egress'], egress: [{ to: blocks(cidr) }] })
      expect([may(SERVER, OUTSIDE), may(SERVER, X)], cidr).to.deep.equal([false, false])
    }
    await becomes({
      policyTypes: ['Egress'],
      egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }] }],
    })
    expect(may(SERVER, X)).to.equal(false)
    const many = Array.from({ length: 2000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/25`)
    await becomes({ policyTypes: ['Egress'], egress: [{ to: blocks(...many) }] })
    expect([may(SERVER, '10.3.4.5'), may(SERVER, '10.3.4.200')]).to.deep.equal([true, false])
    pod('tenant', 'tenant', '10.244.1.9')
    policy('tenant', { podSelector: { matchLabels: { app: 'tenant' } } })
    await flush()
    expect(may(OUTSIDE, '10.244.1.9')).to.equal(false)
  })

  // "policyTypes: Egress, no egress rules" isolated nothing.
  it('nothing, empty and everything are three things', async () => {
    const { becomes, may, pod, state } = await startServer()
    pod('own', 'own', '10.244.2.1', { node: 'node-2' })
    state.set('namespaces', 'bank', { labels: {} })
    const far = { uid: 'f', labels: {}, node: 'node-2', addresses: ['10.244.2.2'] }
    state.set('pods', 'bank/far', far)
    const reach = async (egress: Spec['egress'], policyTypes: readonly string[] = ['Egress']) => {
      await becomes({ policyTypes, ...(egress && { egress }) })
      return ['10.244.2.1', '10.244.2.2', OUTSIDE].map((destination) => may(SERVER, destination))
    }
    const [none, all] = [
      [false, false, false],
      [true, true, true],
    ]
    expect(await reach(undefined)).to.deep.equal(none)
    expect(await reach([])).to.deep.equal(none)
    expect(await reach([{}])).to.deep.equal(all)
    expect(await reach([{ to: [], ports: [] }])).to.deep.equal(all)
    expect(await reach([{ to: [{ podSelector: {} }] }])).to.deep.equal([true, false, false])
    expect(await reach([{ to: [{ namespaceSelector: {} }] }])).to.deep.equal([true, true, false])
    expect(await reach([{}], ['Ingress'])).to.deep.equal(all)
    for (const ports of [[{ protocol: 'TCP' }], [{}]]) {
      expect(await reach([{ ports }])).to.deep.equal(all)
      expect(may(SERVER, OUTSIDE, 53, 'udp')).to.equal(false)
    }
    expect(await reach([{ to: [{ podSelector: { matchLabels: { app: 'late' } } }] }])).to.deep.equal(none)
    pod('late', 'late', '10.244.2.3', { node: 'node-2' })
    expect(await reach([{ to: [{ podSelector: { matchLabels: { app: 'late' } } }] }])).to.deep.equal(none)
    expect(may(SERVER, '10.244.2.3')).to.equal(true)
  })

  // After delete and create under the same name only one family's address was in the sets.
  it('a pod that comes again under its name is known by both of its addresses, in one step or two', async () => {
    const { becomes, may, pod, state, flush } = await startServer()
    pod('server', 'server', SERVER, { addresses: [SERVER, 'fd10::2'] })
    await becomes({
      podSelector: { matchLabels: { app: 'server' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }],
    })
    const seen = (n: number) => [may(`10.244.2.${n}`, SERVER), may(`fd10:2::${n}`, 'fd10::2')]
    for (let n = 1; n <= 20; n++) {
      const both = [`10.244.2.${n}`, `fd10:2::${n}`]
      if (n % 2 === 0) pod('client', 'client', '', { uid: `u${n}`, addresses: [both[n % 4 === 0 ? 0 : 1]!] })
      if (n % 3 === 0) await flush()
      pod('client', 'client', '', { uid: `u${n}`, addresses: both })
      await flush()
      expect([...seen(n), ...seen(n - 1)], String(n)).to.deep.equal([true, true, false, false])
      if (n % 5 === 0) state.delete('pods', 'shop/client')
    }
  })

  // Memory grew by each pod that came and went, also on nodes where no policy selects one.
  it('pods that come and go leave nothing, in the kernel and here', async () => {
    const { becomes, pod, state, flush, kernel, enforcement } = await startServer()
    await becomes({
      podSelector: { matchLabels: { app: 'server' } },
      ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 'web' }] }],
    })
    const held = () => [
      enforcement.stats(),
      enforcement.size,
      [...kernel.nft.tables].map(([, t]) => [
        t.chains.size,
        [...t.sets].map(([name, { elements }]) => [name, elements.size]),
      ]),
    ]
    const before = JSON.stringify(held())
    for (let n = 0; n < 500; n++) {
      pod(`job-${n}`, n % 2 === 0 ? 'server' : 'job', `10.244.1.${10 + (n % 100)}`, {
        ports: [{ name: 'web', port: 80 }],
      })
      if (n % 3 === 0) await flush()
      state.delete('pods', `shop/job-${n}`)
    }
    await flush()
    expect(JSON.stringify(held())).to.equal(before)
  })
})
