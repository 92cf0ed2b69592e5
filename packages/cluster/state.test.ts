import { cidr } from '@podroute/address/cidr.ts'
import { pick, seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { ClusterState, type Kind, type Objects, type RawObjects } from './state.ts'
import type { Subscriber } from './store.ts'
import { nodeObject, serviceObject, sliceObject } from './testing/objects.ts'

/** Writes down what it is told. */
function recorder<K extends Kind>() {
  const told: string[] = []
  const subscriber: Subscriber<Objects[K]> = {
    changed(key, before, after, trigger) {
      const what = before ? (after ? 'changed' : 'gone') : 'new'
      told.push([what, key, trigger].filter(Boolean).join(' '))
    },
    synced: () => void told.push('synced'),
  }
  return { told, subscriber }
}

describe('ClusterState', () => {
  it('tells what comes, changes and goes, and when a first list is complete', () => {
    const state = new ClusterState()
    const { told, subscriber } = recorder<'nodes'>()
    state.subscribe('nodes', subscriber)
    state.set('nodes', 'a', nodeObject('a'))
    state.synced('nodes')
    state.set('nodes', 'a', nodeObject('a', { internalIPs: ['192.0.2.1'] }))
    state.delete('nodes', 'a')
    state.delete('nodes', 'a')
    state.synced('nodes')
    expect(told).to.deep.equal(['new a', 'synced', 'changed a', 'gone a'])
  })

  it('tells nobody of what says nothing new', () => {
    const state = new ClusterState()
    const { told, subscriber } = recorder()
    for (const kind of ['nodes', 'services', 'endpointslices'] as const) state.subscribe(kind, subscriber)
    for (let times = 0; times < 3; times++) {
      state.set('nodes', 'a', nodeObject('a', { podCIDRs: ['10.244.1.0/24'], internalIPs: ['192.0.2.1'] }))
      state.set('services', 'shop/web', serviceObject('web', { externalIPs: ['192.0.2.9', 'nonsense'] }))
      state.set('endpointslices', 'shop/web-1', sliceObject('web-1', 'web', ['10.244.1.2']))
    }
    expect(told).to.deep.equal(['new a', 'new shop/web', 'new shop/web-1'])
  })

  it('tells who comes late what is there', () => {
    const state = new ClusterState()
    state.set('nodes', 'a', nodeObject('a'))
    const early = recorder<'nodes'>()
    state.subscribe('nodes', early.subscriber)
    state.synced('nodes')
    const late = recorder<'nodes'>()
    state.subscribe('nodes', late.subscriber)
    expect(late.told).to.deep.equal(['new a', 'synced'])
    expect(early.told).to.deep.equal(['new a', 'synced'])
  })

  it('tells once who comes or goes while others are told', () => {
    const state = new ClusterState()
    const second = recorder<'nodes'>()
    const third = recorder<'nodes'>()
    let subscription: Disposable | undefined
    state.subscribe('nodes', {
      changed() {
        subscription?.[Symbol.dispose]()
        state.subscribe('nodes', third.subscriber)
      },
      synced() {},
    })
    subscription = state.subscribe('nodes', second.subscriber)
    state.set('nodes', 'a', nodeObject('a'))
    expect([second.told, third.told]).to.deep.equal([[], ['new a']])
  })

  it('tells the others when one throws', () => {
    const failed: string[] = []
    const state = new ClusterState((kind, key) => failed.push(`${kind} ${key}`))
    const broken: Subscriber<Objects['nodes']> = {
      changed() {
        throw new Error('choked')
      },
      synced() {},
    }
    const { told, subscriber } = recorder<'nodes'>()
    state.subscribe('nodes', broken)
    state.subscribe('nodes', subscriber)
    expect(() => state.set('nodes', 'a', nodeObject('a'))).to.throw('choked')
    expect(told).to.deep.equal(['new a'])
    state.subscribe('nodes', broken)
    expect(failed).to.deep.equal(['nodes a'])
  })

  it('takes what is of no use any more for gone', () => {
    const state = new ClusterState()
    const { told, subscriber } = recorder<'services'>()
    state.subscribe('services', subscriber)
    state.set('services', 'shop/web', serviceObject('web'))
    state.set('services', 'shop/web', serviceObject('web', { type: 'ExternalName' }))
    expect(told).to.deep.equal(['new shop/web', 'gone shop/web'])
  })

  it('says of a slice when what it follows from happened', () => {
    const state = new ClusterState()
    const { told, subscriber } = recorder<'endpointslices'>()
    state.subscribe('endpointslices', subscriber)
    const slice = sliceObject('web-1', 'web', ['10.244.1.2'])
    const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': 'then' }
    state.set('endpointslices', 'shop/web-1', { ...slice, metadata: { ...slice.metadata, annotations } })
    expect(told).to.deep.equal(['new shop/web-1 then'])
  })

  it('knows the slices of a Service, whichever came first, and of those that move', () => {
    const state = new ClusterState()
    state.set('endpointslices', 'shop/b', sliceObject('b', 'web', ['10.244.1.2']))
    state.set('endpointslices', 'shop/a', sliceObject('a', 'web', ['10.244.1.3']))
    const keys = (service: string) => state.services.slicesOf(service).map(({ key }) => key)
    expect(keys('shop/web')).to.deep.equal(['shop/a', 'shop/b'])
    state.set('endpointslices', 'shop/a', sliceObject('a', 'other', ['10.244.1.3']))
    expect([keys('shop/web'), keys('shop/other')]).to.deep.equal([['shop/b'], ['shop/a']])
    state.delete('endpointslices', 'shop/b')
    expect(keys('shop/web')).to.deep.equal([])
  })

  describe('an address that several Nodes claim', () => {
    const claim = (name: string, more: object = {}) =>
      nodeObject(name, { internalIPs: ['192.0.2.1'], podCIDRs: ['10.244.1.0/24'], created: 5, ...more })
    const owner = (...nodes: ReturnType<typeof claim>[]) => {
      const state = new ClusterState()
      for (const node of nodes) state.set('nodes', node.name, node)
      const names = state.nodes.claimantsOfAddress('192.0.2.1').map(({ name }) => name)
      expect(state.nodes.withAddress('192.0.2.1')?.name).to.equal(names[0])
      expect(state.nodes.withPodCidr('10.244.1.0/24')?.name).to.equal(names[0])
      return names
    }

    it('is that of the one that is ready, then of the older one, then of the lower name', () => {
      expect(owner(claim('a', { ready: false }), claim('b'))).to.deep.equal(['b', 'a'])
      expect(owner(claim('a', { created: 7 }), claim('b'))).to.deep.equal(['b', 'a'])
      expect(owner(claim('b'), claim('a'))).to.deep.equal(['a', 'b'])
    })

    it('is with those that are left when one goes, and all of them are named', () => {
      const state = new ClusterState()
      for (const name of ['a', 'b', 'c']) state.set('nodes', name, claim(name))
      const shared = state.nodes.sharedClaims(state.nodes.get('b')!)
      expect(shared.map(({ path, value, other }) => `${path} ${value} ${other.name}`)).to.deep.equal([
        'spec.podCIDRs 10.244.1.0/24 a',
        'spec.podCIDRs 10.244.1.0/24 c',
        'status.addresses 192.0.2.1 a',
        'status.addresses 192.0.2.1 c',
      ])
      state.delete('nodes', 'a')
      expect(state.nodes.withAddress('192.0.2.1')?.name).to.equal('b')
      for (const name of ['b', 'c']) state.delete('nodes', name)
      expect(state.nodes.withAddress('192.0.2.1')).to.equal(undefined)
    })
  })

  describe('an address of Services', () => {
    it('is one of any kind, in canonical form', () => {
      const state = new ClusterState()
      state.set('services', 'shop/a', {
        ...serviceObject('a', {
          clusterIP: '10.96.0.5',
          clusterIPs: ['10.96.0.5', 'fd10:96::5'],
          externalIPs: ['FD00:0::1', 'junk'],
          type: 'LoadBalancer',
        }),
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, {}] } },
      })
      state.set('services', 'shop/headless', serviceObject('headless', { clusterIP: 'None' }))
      for (const address of ['10.96.0.5', 'fd10:96::5', 'fd00::1', '192.0.2.1'])
        expect(state.services.withAddress(address)?.key, address).to.equal('shop/a')
      for (const address of ['None', 'junk', '', '10.96.0.9'])
        expect(state.services.withAddress(address), address).to.equal(undefined)
    })

    it('is found by the range that it lies in, unless it is a ClusterIP', () => {
      const state = new ClusterState()
      const ask = (name: string, clusterIP: string, ...externalIPs: string[]) =>
        state.set('services', `shop/${name}`, serviceObject(name, { clusterIP, externalIPs }))
      const inRange = (text: string) =>
        state.services.claimantsInRange(cidr(text)).map(({ key }) => key.slice('shop/'.length))
      ask('a', '192.0.2.9', '198.51.100.1', 'fd00::1')
      ask('b', '10.96.0.2', '198.51.100.1', '198.51.100.255', '203.0.113.1')
      expect(inRange('198.51.100.0/24')).to.deep.equal(['a', 'b', 'b'])
      expect(inRange('192.0.2.0/24')).to.deep.equal([])
      expect(inRange('fd00::/64')).to.deep.equal(['a'])
      ask('b', '10.96.0.2', '203.0.113.1')
      expect(inRange('198.51.100.0/24')).to.deep.equal(['a'])
      state.delete('services', 'shop/a')
      expect(inRange('0.0.0.0/0')).to.deep.equal(['b'])
      expect(state.services.claimantsOfAddress('10.96.0.2').map(({ key }) => key)).to.deep.equal(['shop/b'])
    })

    it('is theirs while one of several has it', () => {
      const state = new ClusterState()
      const shared = (clusterIP: string) => ({ clusterIP, externalIPs: ['192.0.2.1'] })
      state.set('services', 'shop/a', serviceObject('a', shared('10.96.0.5')))
      state.set('services', 'shop/b', serviceObject('b', shared('10.96.0.6')))
      state.delete('services', 'shop/a')
      expect(state.services.withAddress('192.0.2.1')?.key).to.equal('shop/b')
      expect(state.services.withAddress('10.96.0.5')).to.equal(undefined)
      state.delete('services', 'shop/b')
      expect(state.services.withAddress('192.0.2.1')).to.equal(undefined)
    })
  })

  describe('after any sequence', () => {
    const seed = testSeed()
    const NAMES = ['a', 'b', 'c', 'd']
    const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3', 'nonsense']
    const PREFIXES = ['10.244.1.0/24', '10.244.2.0/24', 'fd10::/64', '0.0.0.0/0']
    type Random = () => number
    const some = (random: Random, values: readonly string[]) => values.filter(() => random() < 0.4)
    const MAKE: { readonly [K in Kind]: (random: Random, name: string) => RawObjects[K] } = {
      nodes: (random, name) =>
        nodeObject(name, {
          podCIDRs: some(random, PREFIXES),
          internalIPs: some(random, ADDRESSES),
          ready: random() < 0.5,
          created: Math.floor(random() * 3),
        }),
      services: (random, name) => serviceObject(name, { externalIPs: some(random, ADDRESSES) }),
      endpointslices: (random, name) => sliceObject(name, pick(random, NAMES), some(random, ADDRESSES)),
      servicecidrs: (random) => ({ cidrs: some(random, PREFIXES) }),
      networkpolicies: (random) => ({
        spec: { ingress: some(random, PREFIXES).map((text) => ({ from: [{ ipBlock: { cidr: text } }] })) },
      }),
      clusternetworkpolicies: (random) => ({
        spec: {
          egress: some(random, PREFIXES).map((text) => ({ action: 'Deny', to: [{ networks: [text] }] })),
        },
      }),
      namespaces: (random) => ({ labels: { team: pick(random, NAMES) } }),
      pods: (random, name) => ({ uid: name, labels: {}, node: 'a', addresses: some(random, ADDRESSES) }),
    }
    const KINDS = Object.keys(MAKE) as Kind[]
    const keyOf = (kind: Kind, name: string) =>
      ['nodes', 'servicecidrs', 'namespaces', 'clusternetworkpolicies'].includes(kind) ? name : `shop/${name}`
    const CURRENT: { readonly [K in Kind]: (state: ClusterState, key: string) => unknown } = {
      nodes: (state, key) => state.nodes.get(key),
      services: (state, key) => state.services.get(key),
      endpointslices: (state, key) => state.services.slice(key),
      servicecidrs: (state, key) => state.serviceCidrs.get(key),
      networkpolicies: (state, key) => state.networkPolicies.get(key),
      clusternetworkpolicies: (state, key) => state.clusterNetworkPolicies.get(key),
      namespaces: (state, key) => state.namespaces.get(key),
      pods: (state, key) => state.pods.get(key),
    }
    const current = (state: ClusterState, kind: Kind, key: string) => CURRENT[kind](state, key)

    /** Holds what it was told, and that it fits what it was told before and what may be asked. */
    class Follower implements Subscriber<unknown> {
      readonly known = new Map<string, unknown>()
      readonly #state: ClusterState
      readonly #kind: Kind
      constructor(state: ClusterState, kind: Kind) {
        this.#state = state
        this.#kind = kind
      }
      changed(key: string, before: unknown, after: unknown): void {
        expect(this.known.get(key)).to.equal(before)
        expect(current(this.#state, this.#kind, key)).to.equal(after)
        if (after === undefined) this.known.delete(key)
        else this.known.set(key, after)
      }
      synced(): void {}
    }

    const answers = (state: ClusterState) => ({
      nodes: [...state.nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
      owners: ADDRESSES.map((address) => state.nodes.claimantsOfAddress(address).map(({ name }) => name)),
      prefixes: PREFIXES.map((prefix) => state.nodes.claimantsOfPodCidr(prefix).map(({ name }) => name)),
      services: NAMES.map((name) => state.services.get(`shop/${name}`)),
      slices: NAMES.map((name) => state.services.slicesOf(`shop/${name}`)),
      serviceCidrs: NAMES.map((name) => state.serviceCidrs.get(name)),
      policies: NAMES.map((name) => state.networkPolicies.get(`shop/${name}`)),
      namespaces: NAMES.map((name) => state.namespaces.get(name)),
      pods: NAMES.map((name) => state.pods.get(`shop/${name}`)),
    })

    it(`is what the last objects make it, and every subscriber knows all of it (SEED=${seed})`, () => {
      const random = seeded(seed)
      for (let round = 0; round < 50; round++) {
        const state = new ClusterState()
        const last = new Map<string, { kind: Kind; key: string; object: RawObjects[Kind] }>()
        const followers: { kind: Kind; follower: Follower; subscription: Disposable }[] = []
        for (let step = 0; step < 80; step++) {
          const kind = pick(random, KINDS)
          const name = pick(random, NAMES)
          const key = keyOf(kind, name)
          const dice = random()
          if (dice < 0.6) {
            const object = MAKE[kind](random, name)
            last.set(`${kind} ${key}`, { kind, key, object })
            state.set(kind, key, object)
          } else if (dice < 0.8) {
            last.delete(`${kind} ${key}`)
            state.delete(kind, key)
          } else if (dice < 0.95) {
            const follower = new Follower(state, kind)
            followers.push({ kind, follower, subscription: state.subscribe(kind, follower) })
          } else followers.shift()?.subscription[Symbol.dispose]()
        }
        const fresh = new ClusterState()
        for (const { kind, key, object } of [...last.values()].reverse()) fresh.set(kind, key, object)
        expect(answers(state)).to.deep.equal(answers(fresh))
        for (const { kind, follower } of followers)
          for (const name of NAMES) {
            const key = keyOf(kind, name)
            expect(follower.known.get(key)).to.equal(current(state, kind, key))
          }
      }
    })
  })
})
