import type { NetworkPolicyObject } from '@podroute/cluster/objects/network-policy.ts'
import { expect } from 'chai'
import { startNode, TABLE } from '../testing/started-node.ts'

type Spec = NonNullable<NetworkPolicyObject['spec']>

const labelled = (app: string) => ({ matchLabels: { app } })
/** Lets pods with a label of the same namespace in to others. */
const admits = (server: string, client: string): Spec => ({
  podSelector: labelled(server),
  ingress: [{ from: [{ podSelector: labelled(client) }] }],
})

const [SERVER, CLIENT, OTHER] = ['10.244.1.2', '10.244.2.3', '10.244.2.4']

describe('planning of network policies', () => {
  it('writes nothing for a node whose pods no policy selects', async () => {
    const { kernel, pod, policy, flush } = await startNode()
    pod('other', 'other', SERVER)
    pod('server', 'server', CLIENT, { node: 'node-2' })
    policy('p', admits('server', 'client'))
    await flush()
    expect(kernel.nft.scripts).to.deep.equal([])
  })

  it('writes for a pod that comes, goes or changes the same, however many policies there are', async () => {
    const counts = await Promise.all(
      [1, 300].map(async (policies) => {
        const { pod, policy, written } = await startNode()
        for (let index = 0; index < policies; index++) policy(`p${index}`, admits('server', 'client'))
        pod('first', 'server', SERVER)
        const lines = [
          await written(() => pod('second', 'server', '10.244.1.9')),
          await written(() => pod('client', 'client', CLIENT, { node: 'node-2' })),
          await written(() => pod('client', 'other', CLIENT, { node: 'node-2' })),
        ]
        return lines.map(({ length }) => length)
      }),
    )
    expect(counts[0]).to.deep.equal([2, 1, 1]).and.to.deep.equal(counts[1])
  })

  it('has one chain for pods with the same policies, and removes it with the last of them', async () => {
    const { kernel, state, pod, policy, flush } = await startNode()
    policy('p', admits('server', 'client'))
    const chains = () =>
      [...(kernel.nft.tables.get(TABLE)?.chains.keys() ?? [])].filter((name) => /^ingress-/.test(name))
    for (const index of [2, 3, 4]) pod(`server-${index}`, 'server', `10.244.1.${index}`)
    await flush()
    expect(chains()).to.have.length(1)
    for (const index of [2, 3, 4]) state.delete('pods', `shop/server-${index}`)
    await flush()
    expect([...kernel.nft.tables.keys()]).to.deep.equal([])
  })

  it('has sets of a family only while a pod of this node is judged in it', async () => {
    const { kernel, state, pod, policy, may, flush } = await startNode()
    policy('p', admits('server', 'client'))
    const sets = async () => {
      await flush()
      return [...kernel.nft.tables.get(TABLE)!.sets].flatMap(([name, { elements }]) =>
        name.startsWith('peer-') ? [`${name.at(-1)}: ${[...elements].join()}`] : [],
      )
    }
    const both = { node: 'node-2', addresses: [CLIENT, 'fd00:2::3'] }
    pod('client', 'client', CLIENT, both)
    pod('server', 'server', SERVER)
    expect(await sets()).to.deep.equal([`4: ${CLIENT}`])
    pod('six', 'server', 'fd00:1::2')
    expect(await sets()).to.have.members([`4: ${CLIENT}`, '6: fd00:2::3'])
    expect([may('fd00:2::3', 'fd00:1::2'), may('fd00:2::4', 'fd00:1::2')]).to.deep.equal([true, false])
    state.delete('pods', 'shop/server')
    expect(await sets()).to.deep.equal(['6: fd00:2::3'])
    pod('server', 'server', SERVER)
    state.delete('pods', 'shop/six')
    expect(await sets()).to.deep.equal([`4: ${CLIENT}`])
    expect([may(CLIENT, SERVER), may(OTHER, SERVER)]).to.deep.equal([true, false])
  })

  it('asks once for the pods of many policies, who come and go from any of them', async () => {
    const { kernel, pod, policy, state, may, written, flush } = await startNode()
    pod('server', 'server', SERVER)
    const count = 12
    for (let index = 0; index < count; index++) policy(`p${index}`, admits('server', `client-${index}`))
    policy('wide', {
      podSelector: labelled('server'),
      ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: 90 }] }],
    })
    pod('last', 'client-11', CLIENT, { node: 'node-2' })
    pod('other', 'none', OTHER, { node: 'node-2' })
    await flush()
    const chain = () => {
      const chains = [...kernel.nft.tables.get(TABLE)!.chains]
      return chains.flatMap(([name, { rules }]) => (name.startsWith('ingress-4-') ? rules : []))
    }
    const seen = () => [may(CLIENT, SERVER), may(OTHER, SERVER), may(OTHER, SERVER, 90)]
    expect(chain().filter((rule) => rule.includes('@peer-'))).to.have.length(2)
    expect(seen()).to.deep.equal([true, false, true])
    const lines = await written(() => pod('other', 'client-3', OTHER, { node: 'node-2' }))
    expect([lines.length, ...seen()]).to.deep.equal([1, true, true, true])
    pod('other', 'client-4', OTHER, { node: 'node-2' })
    state.delete('networkpolicies', 'shop/p11')
    await flush()
    expect(seen()).to.deep.equal([false, true, true])
    for (let index = 5; index < 11; index++) state.delete('networkpolicies', `shop/p${index}`)
    await flush()
    expect(chain().filter((rule) => rule.includes('@peer-'))).to.have.length(1 + 1)
    expect(seen()).to.deep.equal([false, true, true])
    for (let index = 0; index < count; index++) state.delete('networkpolicies', `shop/p${index}`)
    await flush()
    expect(seen()).to.deep.equal([false, false, true])
    expect(
      [...kernel.nft.tables.get(TABLE)!.sets.keys()].filter((name) => name.startsWith('peer-')),
    ).to.have.length(1)
  })

  it('asks once for groups of the own namespace, and for each of a few of others', async () => {
    const { kernel, state, pod, policy, may, flush } = await startNode()
    const others = (app: string) => ({ namespaceSelector: {}, podSelector: labelled(app) })
    const own = (app: string) => ({ podSelector: labelled(app) })
    state.set('namespaces', 'far', { labels: {} })
    pod('server', 'server', SERVER)
    policy('p', {
      podSelector: labelled('server'),
      ingress: [{ from: [own('a'), own('b'), others('c'), others('d')] }],
    })
    const far = (address: string, app: string) =>
      state.set('pods', `far/${address}`, {
        uid: address,
        labels: { app },
        node: 'node-2',
        addresses: [address],
      })
    for (const [index, app] of ['a', 'b', 'c', 'd', 'e'].entries()) {
      pod(app, app, `10.244.3.${index}`, { node: 'node-2' })
      far(`10.244.4.${index}`, app)
    }
    await flush()
    const seen = (net: number) => [0, 1, 2, 3, 4].map((last) => may(`10.244.${net}.${last}`, SERVER))
    expect(seen(3)).to.deep.equal([true, true, true, true, false])
    expect(seen(4)).to.deep.equal([false, false, true, true, false])
    const sets = [...kernel.nft.tables.get(TABLE)!.sets.keys()].filter((name) => name.startsWith('peer-'))
    expect(sets).to.have.length(3)
  })

  it('lets nobody inherit by the address of a pod that is not told to be gone yet', async () => {
    const { state, pod, policy, may, flush } = await startNode()
    policy('jobs', { podSelector: labelled('job') })
    policy('server', admits('server', 'client'))
    pod('server', 'server', SERVER)
    pod('job', 'job', '10.244.1.7', { leaving: true })
    pod('web', 'client', '10.244.1.7', { created: 1 })
    await flush()
    expect([may(OTHER, '10.244.1.7'), may('10.244.1.7', SERVER)]).to.deep.equal([true, true])
    state.delete('pods', 'shop/job')
    await flush()
    expect([may(OTHER, '10.244.1.7'), may('10.244.1.7', SERVER)]).to.deep.equal([true, true])
    pod('job', 'job', '10.244.1.7', { created: 2 })
    await flush()
    expect([may(OTHER, '10.244.1.7'), may('10.244.1.7', SERVER)]).to.deep.equal([false, false])
  })

  it('keeps a pod that is being deleted in its sets and isolated until it is gone', async () => {
    const { state, pod, policy, may, flush } = await startNode()
    policy('server', admits('server', 'client'))
    pod('server', 'server', SERVER, { leaving: true })
    pod('client', 'client', CLIENT, { leaving: true })
    await flush()
    expect([may(CLIENT, SERVER), may(OTHER, SERVER)]).to.deep.equal([true, false])
    state.delete('pods', 'shop/client')
    await flush()
    expect(may(CLIENT, SERVER)).to.equal(false)
  })

  it('leaves pods of the host network and their node alone', async () => {
    const { pod, policy, may, flush } = await startNode()
    policy('server', admits('server', 'client'))
    pod('server', 'server', '192.0.2.1', { hostNetwork: true })
    pod('real', 'server', SERVER)
    pod('client', 'client', '192.0.2.2', { hostNetwork: true, node: 'node-2' })
    await flush()
    expect([may(OTHER, '192.0.2.1'), may('192.0.2.2', SERVER)]).to.deep.equal([true, false])
  })

  it('follows a selector that is edited in place', async () => {
    const { pod, policy, may, flush } = await startNode()
    pod('bar', 'bar', SERVER)
    pod('none', 'none', '10.244.1.3')
    const seen = async (app: string) => {
      policy('p', { podSelector: labelled(app) })
      await flush()
      return [may(OTHER, SERVER), may(OTHER, '10.244.1.3')]
    }
    expect(await seen('bar')).to.deep.equal([false, true])
    expect(await seen('none')).to.deep.equal([true, false])
    expect(await seen('nobody')).to.deep.equal([true, true])
    expect(await seen('bar')).to.deep.equal([false, true])
  })

  it('tells two numbers of one name apart, each at its pod', async () => {
    const { pod, policy, may, flush } = await startNode()
    const named = (port: number, protocol = 'TCP') => ({ ports: [{ name: 'http-test', protocol, port }] })
    pod('client', 'client', SERVER)
    pod('t1', 't', '10.244.2.1', { ...named(8000), node: 'node-2' })
    pod('t2', 't', '10.244.2.2', { ...named(8080), node: 'node-2' })
    pod('t3', 't', '10.244.2.3', { ...named(8000, 'UDP'), node: 'node-2' })
    policy('p', {
      podSelector: labelled('client'),
      policyTypes: ['Egress'],
      egress: [{ ports: [{ port: 'http-test' }] }],
    })
    await flush()
    const to = (last: number, port: number) => may(SERVER, `10.244.2.${last}`, port)
    expect([to(1, 8000), to(2, 8080)]).to.deep.equal([true, true])
    expect([to(1, 8080), to(2, 8000), to(3, 8000), to(9, 8000)]).to.deep.equal([false, false, false, false])
  })

  it('is repaired where somebody else changed it', async () => {
    const { kernel, enforcement, pod, policy, may, flush } = await startNode()
    policy('server', admits('server', 'client'))
    pod('server', 'server', SERVER)
    pod('client', 'client', CLIENT)
    await flush()
    const { chains, sets } = kernel.nft.tables.get(TABLE)!
    const damage = [
      () => void chains.get('judge')!.rules.splice(0),
      () => void chains.get([...chains.keys()].find((name) => /^ingress-/.test(name))!)!.rules.splice(0),
      () => sets.get('ingress-4')!.elements.clear(),
      () => sets.get([...sets.keys()].find((name) => /^peer-.*-4$/.test(name))!)!.elements.clear(),
      () => kernel.nft.tables.delete(TABLE),
    ]
    for (const act of damage) {
      act()
      await enforcement.audit()
      await flush()
      await flush()
      expect([may(CLIENT, SERVER), may(OTHER, SERVER)], String(act)).to.deep.equal([true, false])
    }
  })
})
