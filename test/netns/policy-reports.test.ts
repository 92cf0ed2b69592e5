/** Faults that users of other products met, as cases with real packets: each is named as in the list of reports, and says what once went wrong. */
import type { NetworkPolicyObject } from '@podroute/cluster/objects/network-policy.ts'
import type { PodObject } from '@podroute/cluster/objects/pod.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { Enforcement } from '@podroute/network-policy/enforcement.ts'
import { TABLE_NAME } from '@podroute/network-policy/kernel/table.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { type Probe, type ProbeProtocol, probeKey } from '../support/packet-probe.ts'
import { NODE_ADDRESSES, PolicyNetwork } from './policy-network.ts'

type Spec = NonNullable<NetworkPolicyObject['spec']>

/** Each with an address of each family. */
const HOSTS = {
  server: ['10.244.1.2', 'fd10:1::2'],
  client: ['10.244.2.3', 'fd10:2::3'],
  third: ['10.244.2.4', 'fd10:2::4'],
  outside: ['203.0.113.5', '2001:db8::5'],
  node: NODE_ADDRESSES,
} as const
type HostName = keyof typeof HOSTS

const LOCAL = 'node-1'
const SEEN = 'pr-report-seen'
/** Of the table, what says what the agent loaded. */
const MARKER = /chain podroute-fingerprint-\S+/g
const labelled = (app: string) => ({ podSelector: { matchLabels: { app } } })
const block = (cidr: string, ...except: string[]) => ({
  ipBlock: { cidr, ...(except.length > 0 && { except }) },
})

describe('reports from the field, with real packets', function () {
  this.timeout(30_000)
  const stack = new AsyncDisposableStack()
  let network: PolicyNetwork
  let kernel: Kernel & Disposable
  let enforcement: Enforcement
  const state = new ClusterState()
  const newEnforcement = () => new Enforcement({ nodeName: LOCAL, cluster: state, kernel })

  before(async () => {
    const hosts = Object.entries(HOSTS).filter(([name]) => name !== 'node')
    network = stack.use(
      await PolicyNetwork.create(
        'pr-report',
        hosts.map(([name, addresses]) => ({ name, addresses })),
      ),
    )
    kernel = stack.use(openKernel({ netns: network.node }))
    enforcement = newEnforcement()
    stack.defer(() => enforcement[Symbol.asyncDispose]())
    state.subscribe('networkpolicies', {
      changed: (key, a, b) => enforcement.policyChanged(key, a, b),
      synced() {},
    })
    state.subscribe('clusternetworkpolicies', { changed: () => enforcement.clusterChanged(), synced() {} })
    state.subscribe('namespaces', { changed: (key) => enforcement.namespaceChanged(key), synced() {} })
    state.subscribe('pods', { changed: (key, a, b) => enforcement.podChanged(key, a, b), synced() {} })
    await enforcement.adopt()
    await enforcement.synced()
    await meet()
  })
  after(() => stack.disposeAsync())
  beforeEach(() => {
    for (const key of [...state.networkPolicies.keys()]) state.delete('networkpolicies', key)
    for (const key of [...state.pods.keys()]) state.delete('pods', key)
    state.set('namespaces', 'shop', { labels: { team: 'shop' } })
    for (const name of ['server', 'client', 'third'] as const) pod(name, name)
  })

  /** A pod with the addresses of a host, under its name unless another one is given. */
  const pod = (name: string, host: HostName, more: Partial<PodObject> = {}) =>
    state.set('pods', `shop/${name}`, {
      ...{
        uid: name,
        labels: { app: name },
        node: host === 'server' ? LOCAL : 'node-2',
        addresses: HOSTS[host],
      },
      ...more,
    })
  const policy = (name: string, spec: Spec) => state.set('networkpolicies', `shop/${name}`, { spec })

  /** `client>server:80/udp`, in both families. */
  const probesOf = (text: string): Probe[] => {
    const [, from, to, port, protocol = 'tcp'] = /^(\w+)>(\w+):(\d+)(?:\/(\w+))?$/.exec(text)!
    return [0, 1].map((family) => ({
      from: HOSTS[from as HostName][family]!,
      to: HOSTS[to as HostName][family]!,
      port: Number(port),
      protocol: protocol.toUpperCase() as ProbeProtocol,
    }))
  }
  /** What arrives, of all that are tried. */
  const judged = async (when: string, allowed: readonly string[], denied: readonly string[]) => {
    expect((await enforcement.flush()).failed, when).to.equal(0)
    await observed(when, allowed, denied)
  }
  /** By what the kernel has now. */
  const observed = async (when: string, allowed: readonly string[], denied: readonly string[]) => {
    const expected = new Set(allowed.flatMap(probesOf).map(probeKey))
    const arrived = await network.arriving([...allowed, ...denied].flatMap(probesOf), expected)
    expect([...arrived].sort(), when).to.deep.equal([...expected].sort())
  }

  /** A packet to somebody unknown waits up to a second, and is judged by what holds then: all know each other before anything is tried. */
  const meet = () => {
    const hosts = (Object.keys(HOSTS) as HostName[]).filter((name) => name !== 'node')
    const pairs = hosts.flatMap((from) => hosts.filter((to) => to !== from).map((to) => `${from}>${to}:9`))
    return judged('before anything', [...pairs, 'node>server:9'], [])
  }

  it('A2: pods that come and go leave nothing, whether they are judged here or only peers', async () => {
    policy('jobs', { ...labelled('server'), ingress: [{ from: [labelled('job')] }] })
    policy('more', { ...labelled('job'), policyTypes: ['Ingress', 'Egress'] })
    pod('client', 'client', { labels: { app: 'job' } })
    const verdicts = [['client>server:80'], ['third>server:80']] as const
    const left = async () => ({
      table: (await kernel.nft.show(`list table inet ${TABLE_NAME}`)).replaceAll(MARKER, ''),
      elements: enforcement.stats()['policy-elements']?.desired,
      size: enforcement.size,
    })
    await judged('before', ...verdicts)
    const before = await left()
    const isolated = () =>
      kernel.nft.elements(TABLE_NAME, 'ingress-4', { key: ['ipv4_addr'], value: 'verdict' })
    const mine = await isolated()
    for (let round = 0; round < 10; round++) {
      const names = Array.from({ length: 30 }, (_, n) => `job-${round}-${n}`)
      for (const [n, name] of names.entries()) {
        const addresses = [`10.244.9.${n + 1}`, `fd10:9::${n + 1}`]
        pod(name, 'client', { labels: { app: 'job' }, node: n % 2 ? LOCAL : 'node-2', addresses })
      }
      await judged(`round ${round}`, ...verdicts)
      expect(await isolated()).to.have.length(mine.length + 15)
      for (const name of names) state.delete('pods', `shop/${name}`)
    }
    await judged('after', ...verdicts)
    expect(await left()).to.deep.equal(before)
    expect(await isolated()).to.deep.equal(mine)
  })

  it('A3: the union of overlapping blocks counts, and one that goes takes nothing of another', async () => {
    const [client, third] = [`${HOSTS.client[0]}/32`, `${HOSTS.third[1]}/128`]
    const from = (...peers: object[]) => policy('p', { ...labelled('server'), ingress: [{ from: peers }] })
    const v6 = [block('fd10::/16'), block('fd10:2::/32')]
    from(block('10.0.0.0/8'), block('10.244.0.0/16'), block(client), ...v6)
    await judged('nested', ['client>server:80', 'third>server:80'], ['outside>server:80'])
    from(block('10.0.0.0/9'), block('10.128.0.0/9'), block('fd10::/17'), block('fd10:8000::/17'))
    await judged('adjacent', ['client>server:80'], ['outside>server:80'])
    from(block('0.0.0.0/0', client), block('::/0', `${HOSTS.client[1]}/128`), block(third))
    await judged('all but one', ['outside>server:80', 'third>server:80'], ['client>server:80'])
  })

  it('A4: a selector that is edited isolates others, and no more those that it did', async () => {
    pod('other', 'outside')
    const selects = (app: string) =>
      policy('p', { ...labelled(app), ingress: [{ from: [labelled('client')] }] })
    const isolated = [['client>server:80'], ['third>server:80']] as const
    const open = [['client>server:80', 'third>server:80'], []] as const
    selects('server')
    await judged('selected', ...isolated)
    selects('other')
    await judged('another one is', ...open)
    selects('nobody')
    await judged('nobody is', ...open)
    selects('server')
    await judged('selected again', ...isolated)
    pod('server', 'server', { labels: { app: 'other' } })
    await judged('its label changed', ...open)
    selects('other')
    await judged('the policy follows', ...isolated)
    state.delete('networkpolicies', 'shop/p')
    await judged('deleted', ...open)
  })

  it('A6: neighbour discovery passes under an egress policy, also when nobody is known', async () => {
    policy('dns', {
      ...labelled('server'),
      policyTypes: ['Egress', 'Ingress'],
      egress: [{ to: [labelled('client')], ports: [{ protocol: 'UDP', port: 53 }] }],
      ingress: [{ from: [labelled('client')] }],
    })
    const expected = [
      ['server>client:53/udp', 'client>server:80'],
      ['server>client:53', 'server>third:53/udp'],
    ] as const
    await judged('before', ...expected)
    await network.forgetNeighbours()
    await judged('after', ...expected)
    state.delete('networkpolicies', 'shop/dns')
    await meet()
  })

  it("A7: the node's own probes pass, whichever port they use, and nobody else's", async () => {
    policy('deny', { ...labelled('server'), policyTypes: ['Ingress', 'Egress'] })
    await judged(
      'denied',
      ['node>server:80', 'node>server:8080', 'node>server:53/udp'],
      ['client>server:80', 'server>client:80'],
    )
  })

  it('A8: what was judged is judged on while no agent runs, and while the next one knows nothing yet', async () => {
    policy('p', { ...labelled('server'), ingress: [{ from: [labelled('client')] }] })
    const verdicts = [['client>server:80'], ['third>server:80', 'outside>server:80']] as const
    await judged('before', ...verdicts)
    const before = await kernel.nft.generation()
    await enforcement[Symbol.asyncDispose]()
    await observed('no agent', ...verdicts)
    enforcement = newEnforcement()
    await enforcement.adopt()
    await observed('an agent that the API server has told nothing', ...verdicts)
    for (const [key, one] of state.networkPolicies) enforcement.policyChanged(key, undefined, one)
    for (const [key, one] of state.pods) enforcement.podChanged(key, undefined, one)
    await enforcement.synced()
    await judged('the next agent', ...verdicts)
    expect(await kernel.nft.generation(), 'nothing is written that is right').to.equal(before)
    policy('p', { ...labelled('server'), ingress: [{ from: [labelled('third')] }] })
    await judged('and follows', ['third>server:80'], ['client>server:80'])
  })

  it('A9: two look-ups at once from one port both pass, whichever way the pod is isolated', async () => {
    const dns = probesOf('server>client:53/udp')
    const pairs = async (when: string, packets: number) => {
      expect((await enforcement.flush()).failed, when).to.equal(0)
      for (const probe of dns) expect(await network.arrivingOfPairs(probe, 200), when).to.equal(packets)
    }
    await pairs('without a policy', 400)
    policy('p', { ...labelled('server'), ingress: [{ from: [labelled('third')], ports: [{ port: 9999 }] }] })
    await pairs('isolated for what comes in', 400)
    const ports = [{ port: 53, protocol: 'UDP' }]
    policy('q', { ...labelled('server'), policyTypes: ['Egress'], egress: [{ ports }] })
    await pairs('allowed nothing else', 400)
    policy('q', { ...labelled('server'), policyTypes: ['Egress'] })
    await pairs('allowed nothing', 0)
  })

  it('A10: an address is not that of a pod that has finished', async () => {
    policy('p1', { podSelector: { matchLabels: { job: 'yes' } } })
    policy('p2', { ...labelled('server'), ingress: [{ from: [labelled('web')] }] })
    pod('server', 'server')
    state.delete('pods', 'shop/client')
    pod('job', 'client', { labels: { job: 'yes' }, ended: true, created: 2 })
    pod('w', 'client', { labels: { app: 'web' }, created: 1 })
    await judged('the job is there', ['client>server:80'], ['third>server:80'])
    state.delete('pods', 'shop/job')
    await judged('the job is gone', ['client>server:80'], ['third>server:80'])
    pod('job', 'client', { labels: { app: 'web' }, ended: true, created: 2 })
    pod('w', 'client', { labels: { app: 'other' }, created: 1 })
    await judged('the twin', [], ['client>server:80'])
  })

  it('A12: a pod that comes again under its name is known by both of its addresses', async () => {
    policy('p', { ...labelled('server'), ingress: [{ from: [labelled('client')], ports: [{ port: 80 }] }] })
    const both = HOSTS.client
    for (let round = 0; round < 6; round++) {
      state.delete('pods', 'shop/client')
      if (round % 2 === 0) {
        pod('client', 'client', { uid: `c${round}`, addresses: [both[round % 4 === 0 ? 0 : 1]] })
        await enforcement.flush()
      }
      pod('client', 'client', { uid: `c${round}` })
      if (round % 3 === 0) {
        state.delete('pods', 'shop/server')
        await enforcement.flush()
        pod('server', 'server', { uid: `s${round}` })
      }
      await judged(`round ${round}`, ['client>server:80'], ['third>server:80', 'client>server:81'])
    }
  })

  it('A15: a name of a port is what it is on each pod, by protocol', async () => {
    const named = (port: number, protocol = 'TCP') => ({ ports: [{ name: 'http-test', protocol, port }] })
    pod('server', 'server', { node: 'node-2' })
    pod('source', 'outside', { node: LOCAL })
    pod('client', 'client', named(8000))
    pod('third', 'third', named(8080))
    policy('p', {
      ...labelled('source'),
      policyTypes: ['Egress'],
      egress: [{ ports: [{ port: 'http-test' }] }],
    })
    const allowed = ['outside>client:8000', 'outside>third:8080']
    const denied = [
      'outside>client:8080',
      'outside>third:8000',
      'outside>server:8000',
      'outside>client:8000/udp',
    ]
    await judged('egress', allowed, denied)
    pod('third', 'third', named(8000, 'UDP'))
    await judged(
      'of another protocol',
      ['outside>client:8000'],
      ['outside>third:8000', 'outside>third:8000/udp', 'outside>third:8080'],
    )
    pod('server', 'server', named(8000))
    policy('q', { ...labelled('server'), ingress: [{ ports: [{ port: 'http-test' }] }] })
    await judged('ingress', ['client>server:8000'], ['client>server:8080', 'client>server:8000/udp'])
  })

  it('A16: ranges of ports are whole, may overlap, and move', async () => {
    const ports = (...list: object[]) => policy('p', { ...labelled('server'), ingress: [{ ports: list }] })
    const through = (from: number, to: number, protocol = 'tcp') =>
      Array.from({ length: to - from + 1 }, (_, n) => `client>server:${from + n}/${protocol}`)
    for (const protocol of ['TCP', 'UDP', 'SCTP'] as const) {
      const lower = protocol.toLowerCase()
      const others = ['tcp', 'udp', 'sctp']
        .filter((one) => one !== lower)
        .map((one) => `client>server:80/${one}`)
      ports({ protocol, port: 79, endPort: 81 }, { protocol, port: 80 })
      await judged(`79-81, ${protocol}`, through(79, 81, lower), [
        ...through(78, 78, lower),
        ...through(82, 83, lower),
        ...others,
      ])
    }
    ports({ port: 79, endPort: 81 }, { port: 81, endPort: 83 })
    await judged('unions', through(79, 83), through(78, 78))
    ports({ port: 80, endPort: 82 })
    await judged('moved', through(80, 82), [...through(79, 79), ...through(83, 83)])
    ports({ port: 1, endPort: 65_535 })
    await judged('all', through(78, 83), ['client>server:80/udp'])
  })

  it('A17: a rule that fits nothing allows nothing, and stops nobody', async () => {
    pod('tenant', 'outside', { node: LOCAL })
    const odd = [
      { to: [block('2001:db8:3000::/48')] },
      { to: [block('10.0.0.0/8', '10.0.0.0/8')] },
      { to: [{ ipBlock: { cidr: 'junk' } }] },
      { ports: [{ port: 0 }] },
      { to: Array.from({ length: 1000 }, (_, n) => block(`172.16.${n >> 8}.${n & 255}/32`)) },
    ]
    for (const [index, rule] of odd.entries()) {
      policy('odd', { ...labelled('server'), policyTypes: ['Egress'], egress: [rule] })
      policy('b', { ...labelled('tenant'), ...(index % 2 === 0 ? {} : { ingress: [{}] }) })
      const others = ['client>outside:80', 'third>outside:80']
      await judged(`rule ${index}`, index % 2 === 0 ? [] : others, [
        'server>client:80',
        ...(index % 2 === 0 ? others : []),
      ])
    }
  })

  it('A19: a pod in its grace period has what its labels give it, and is isolated, until it is gone', async () => {
    policy('p', { ...labelled('server'), ingress: [{ from: [labelled('client')] }] })
    policy('q', { ...labelled('outside'), policyTypes: ['Egress'], egress: [{ to: [labelled('third')] }] })
    pod('outside', 'outside', { node: LOCAL, leaving: true })
    pod('client', 'client', { leaving: true })
    await judged(
      'leaving',
      ['client>server:80', 'outside>third:80'],
      ['third>server:80', 'outside>client:80'],
    )
    state.delete('pods', 'shop/client')
    state.delete('pods', 'shop/outside')
    await judged('gone', ['outside>client:80'], ['client>server:80'])
    pod('heir', 'client')
    await judged('its address is another one’s', [], ['client>server:80'])
  })

  it('A20: a pod of the host network is isolated by nothing, and is nobody’s peer', async () => {
    policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    policy('peer', { ...labelled('server'), ingress: [{ from: [labelled('daemon')] }] })
    pod('daemon', 'outside', { node: LOCAL, hostNetwork: true })
    state.delete('pods', 'shop/client')
    await judged(
      'host network',
      ['outside>client:80', 'client>outside:80', 'node>server:80'],
      ['outside>server:80'],
    )
    pod('daemon', 'outside', { node: LOCAL })
    await judged('its own address', [], ['outside>client:80', 'client>outside:80', 'outside>server:80'])
    policy('out', { ...labelled('daemon'), policyTypes: ['Egress'], egress: [{}] })
    await judged('and a peer', ['outside>server:80'], ['client>outside:80'])
    pod('daemon', 'outside', { node: LOCAL, hostNetwork: true })
    await judged('and back', ['client>outside:80'], ['outside>server:80'])
  })

  it('A21: nothing, empty and everything are three things', async () => {
    state.set('namespaces', 'bank', { labels: {} })
    state.delete('pods', 'shop/third')
    state.set('pods', 'bank/far', { uid: 'f', labels: {}, node: 'node-2', addresses: HOSTS.third })
    const ways = ['server>client:80', 'server>third:80', 'server>outside:80']
    const reach = async (
      reached: number,
      egress?: Spec['egress'],
      policyTypes: readonly string[] = ['Egress'],
    ) => {
      policy('p', { ...labelled('server'), policyTypes, ...(egress && { egress }) })
      await judged(JSON.stringify([policyTypes, egress]), ways.slice(0, reached), ways.slice(reached))
    }
    await reach(0)
    await reach(0, [])
    await reach(3, [{}])
    await reach(3, [{ to: [], ports: [] }])
    await reach(1, [{ to: [{ podSelector: {} }] }])
    await reach(2, [{ to: [{ namespaceSelector: {} }] }])
    await reach(3, [{}], ['Ingress'])
    for (const ports of [[{ protocol: 'TCP' }], [{}]]) {
      await reach(3, [{ ports }])
      await judged('no datagram', [], ['server>client:53/udp'])
    }
    await reach(0, [{ to: [labelled('late')] }])
    pod('late', 'client')
    state.delete('pods', 'shop/client')
    await reach(1, [{ to: [labelled('late')] }])
  })

  it('ClusterNetworkPolicies hold for what a pod sends to its own node, and NetworkPolicies do not', async () => {
    const ports = [8080, 8081]
    const from = HOSTS.server
    // Behind the hook that judges; nobody listens, so that nothing else tells what was delivered.
    await kernel.nft.run(`table inet ${SEEN} {
  set seen-4 { type inet_service; flags dynamic; }
  set seen-6 { type inet_service; flags dynamic; }
  chain in {
    type filter hook input priority 200;
    ip saddr ${from[0]} tcp dport { ${ports} } add @seen-4 { tcp dport }
    ip6 saddr ${from[1]} tcp dport { ${ports} } add @seen-6 { tcp dport }
  }
}\n`)
    const probes = ports.flatMap((port) => probesOf(`server>node:${port}`))
    const delivered = async (when: string, expected: readonly string[]) => {
      expect((await enforcement.flush()).failed, when).to.equal(0)
      await eventually(async () => {
        for (const family of [4, 6]) await kernel.nft.run(`flush set inet ${SEEN} seen-${family}\n`)
        await network.arriving(probes, new Set())
        for (const family of [4, 6]) {
          const type = { key: ['inet_service'], dynamic: true } as const
          const seen = await kernel.nft.elements(SEEN, `seen-${family}`, type)
          expect(seen.toSorted(), `${when}, IPv${family}`).to.deep.equal(expected)
        }
        return true
      })
    }
    policy('deny', { ...labelled('server'), policyTypes: ['Egress'] })
    await delivered('a NetworkPolicy', ['8080', '8081'])
    const protocols = [{ tcp: { destinationPort: { number: 8080 } } }]
    const to = [
      { networks: NODE_ADDRESSES.map((address) => `${address}/${address.includes(':') ? 128 : 32}`) },
    ]
    state.set('clusternetworkpolicies', 'cluster', {
      spec: {
        ...{ tier: 'Admin', priority: 1, subject: { namespaces: {} } },
        egress: [{ action: 'Deny', to, protocols }],
      },
    })
    await delivered('a ClusterNetworkPolicy', ['8081'])
    state.delete('clusternetworkpolicies', 'cluster')
    await delivered('gone', ['8080', '8081'])
    await kernel.nft.run(`delete table inet ${SEEN}\n`)
  })
})
