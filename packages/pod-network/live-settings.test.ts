import { cidr } from '@podroute/address/cidr.ts'
import { BmpStation } from 'bgp-speaker-ts/testing/bmp-station.ts'
import { expect } from 'chai'
import { acceptedPrefix } from './bgp/external-policy.ts'
import { NO_SERVICE_ADDRESSES } from './service-addresses/settings.ts'
import type { ExternalPeer, PodNetworkSettings } from './settings.ts'
import { ipv4Node, World } from './testing/world.ts'

const NODE = '172.30.0.12'
const ROUTER = '172.30.0.100'
const COLLECTOR = { address: '172.30.0.77', port: 11_019 }
const CONFLIST = '/etc/cni/net.d/10-podroute.conflist'
const FROM_ROUTER = '8.8.8.0/24'
const router: ExternalPeer = { address: ROUTER, asn: 65000, acceptRoutes: true, maxPrefixes: 1000 }

/** What a changed option does to a running pod network, and nothing else. */
interface Effect {
  readonly change: Partial<PodNetworkSettings>
  /** What is written to the kernel and to files. */
  readonly ops?: readonly string[]
  /** Peers whose sessions end, to come back if they can. */
  readonly resets?: readonly string[]
  /** All sessions start anew from another speaker. */
  readonly anew?: boolean
  /** What cannot change. */
  readonly refused?: readonly string[]
}

const NOTHING: readonly string[] = []
/** Which ports pods do not get to. */
const RULES = ['rules replace table']
const GONE = [`routes remove ${FROM_ROUTER}`]

/** Every option has its line: the compiler asks for it. */
const EFFECTS: Readonly<Record<keyof PodNetworkSettings, readonly Effect[]>> = {
  routing: [
    { change: { routing: 'api' }, resets: [NODE, ROUTER], ops: GONE },
    { change: { routing: 'none' }, resets: [NODE, ROUTER], ops: ['routes remove 10.244.2.0/24', ...GONE] },
  ],
  asn: [{ change: { asn: 64513 }, anew: true }],
  routerId: [{ change: { routerId: '192.0.2.1' }, anew: true, ops: NOTHING }],
  announce: [{ change: { announce: { kinds: ['cluster-ip'] } } }],
  port: [{ change: { port: 1179 }, anew: true, ops: RULES }],
  nodeAddressTypes: [{ change: { nodeAddressTypes: ['ExternalIP', 'InternalIP'] } }],
  mesh: [{ change: { mesh: false }, resets: [NODE] }],
  maxPaths: [{ change: { maxPaths: 1 } }],
  reflectors: [{ change: { reflectors: { fromNodes: 1, perNode: 3 } } }],
  meshPassword: [{ change: { meshPassword: 'secret' } }],
  meshTtlSecurity: [{ change: { meshTtlSecurity: false }, resets: [NODE] }],
  holdTime: [
    { change: { holdTime: 30 }, resets: [NODE, ROUTER] },
    { change: { holdTime: 30, externalPeers: [{ ...router, holdTime: 90 }] }, resets: [NODE] },
  ],
  externalPeers: [
    { change: { externalPeers: [] }, resets: [ROUTER], ops: [...GONE, ...RULES] },
    { change: { externalPeers: [router, { ...router, address: '172.30.0.101' }] }, ops: RULES },
  ],
  cni: [
    {
      change: { cni: false },
      refused: [
        'podNetwork.cni: pods keep what they were started with: drain the node, and restart the agent there',
      ],
    },
  ],
  bridge: [
    {
      change: { bridge: 'other' },
      refused: [
        'podNetwork.bridge: pods hang on kube-bridge: drain the node, delete that bridge and restart the agent to use other',
      ],
    },
  ],
  mtu: [{ change: { mtu: 1400 }, ops: ['bridge replace kube-bridge', `conflist replace ${CONFLIST}`] }],
  hairpin: [{ change: { hairpin: false }, ops: [`conflist replace ${CONFLIST}`, 'ports replace pod1'] }],
  masquerade: [{ change: { masquerade: false }, ops: ['rules replace table'] }],
  podsSpeakBgp: [{ change: { podsSpeakBgp: true }, ops: RULES }],
  acceptForwarding: [
    {
      change: { acceptForwarding: false },
      ops: ['iifname', 'oifname'].map((side) => `forwarding remove ip filter FORWARD ${side} kube-bridge`),
    },
  ],
  nodeCondition: [{ change: { nodeCondition: false } }],
  sourceCheck: [
    { change: { sourceCheck: false }, ops: ['sourceRules replace table', `conflist replace ${CONFLIST}`] },
    { change: { sourceCheck: 'strict' }, ops: [`conflist replace ${CONFLIST}`] },
  ],
  noMasquerade: [
    {
      change: { noMasquerade: [cidr('192.0.2.0/24')] },
      ops: ['masquerade add no-masquerade-4 192.0.2.0/24'],
    },
  ],
  serviceCidrs: [{ change: { serviceCidrs: [cidr('8.8.0.0/16')] }, ops: GONE }],
  clusterCidrs: [{ change: { clusterCidrs: [cidr('8.8.0.0/16')] }, ops: GONE }],
  serviceAddresses: [{ change: { serviceAddresses: { ...NO_SERVICE_ADDRESSES, kinds: ['external-ip'] } } }],
  nodeCidrs: [
    {
      change: { nodeCidrs: [cidr('172.31.0.0/16')] },
      ops: ['masquerade remove nodes-4 172.30.0.12', 'masquerade remove speakers-4 172.30.0.12'],
    },
  ],
  conflist: [{ change: { conflist: '/etc/a' }, ops: ['conflist add /etc/a', `conflist remove ${CONFLIST}`] }],
  restartTime: [{ change: { restartTime: 60 }, resets: [NODE, ROUTER] }],
  longLivedTime: [{ change: { longLivedTime: 60 }, resets: [NODE, ROUTER] }],
  drain: [{ change: { drain: { taints: [], labels: [{ key: 'maintenance' }] } } }],
  meshBfd: [{ change: { meshBfd: {} } }],
  keepRoutes: [{ change: { keepRoutes: 10 } }],
  peerDeadline: [{ change: { peerDeadline: 5 } }],
  bmpCollectors: [{ change: { bmpCollectors: [COLLECTOR] } }],
}

/** The same for what is said of one router. */
const OF_ROUTER: Readonly<
  Record<Exclude<keyof ExternalPeer, 'address' | 'interface'>, Omit<Effect, 'change'> & Partial<ExternalPeer>>
> = {
  asn: { ...{ asn: 65001 }, resets: [ROUTER], ops: GONE },
  port: { ...{ port: 1179 }, resets: [ROUTER], ops: [...GONE, ...RULES] },
  password: { ...{ password: 'secret' }, resets: NOTHING },
  ttlSecurityHops: { ...{ ttlSecurityHops: 1 }, resets: [ROUTER] },
  families: { ...{ families: [4] }, resets: NOTHING },
  holdTime: { ...{ holdTime: 30 }, resets: [ROUTER] },
  bfd: { ...{ bfd: {} } },
  acceptRoutes: { ...{ acceptRoutes: [acceptedPrefix(cidr('9.0.0.0/8'), {})] }, ops: GONE },
  maxPrefixes: { ...{ maxPrefixes: 5 } },
  maxPrefixesAction: { ...{ maxPrefixesAction: 'block' } },
  role: { ...{ role: 'customer' }, resets: [ROUTER] },
  roleStrict: { ...{ role: 'provider', roleStrict: true }, resets: [ROUTER], ops: GONE },
  description: { ...{ description: 'top of the rack' } },
  nodes: {
    ...{ nodes: { names: ['node-9'], labels: [] } },
    ...{ resets: [ROUTER], ops: [...GONE, ...RULES] },
  },
  fault: {
    ...{ fault: { path: 'peers[0].passwordFile', message: 'no such file' } },
    ...{ resets: [ROUTER], ops: [...GONE, ...RULES] },
  },
  localAsn: { ...{ localAsn: 64600 }, resets: [ROUTER], ops: GONE },
  localAsnPrepends: { ...{ localAsnPrepends: true } },
  allowOwnAs: { ...{ allowOwnAs: 1 }, resets: [ROUTER] },
  localAddress: { ...{ localAddress: '172.30.0.99' }, resets: [ROUTER], ops: GONE },
  localInterface: { ...{ localInterface: 'none' }, resets: [ROUTER], ops: GONE },
  passive: { ...{ passive: true } },
  ttl: { ...{ ttl: 5 } },
  keepalive: { ...{ keepalive: 5 } },
  connectRetry: { ...{ connectRetry: 5 } },
  restart: { ...{ restart: { time: 60, longLivedTime: 0 } }, resets: [ROUTER] },
  addPath: { ...{ addPath: { send: true, receive: false } }, resets: [ROUTER] },
  accept: { ...{ accept: [{ prefixes: [acceptedPrefix(cidr('9.0.0.0/8'), {})] }] }, ops: GONE },
  reject: { ...{ reject: [{ prefixes: [acceptedPrefix(cidr(FROM_ROUTER), {})] }] }, ops: GONE },
  localPreference: { ...{ localPreference: 200 } },
  announce: { ...{ announce: { med: 5, communities: ['64512:1'] } } },
}

describe('settings that change while the pod network runs', () => {
  let world: World
  const downs = () =>
    world.said.filter(({ message }) => message === 'BGP session down').map(({ fields }) => `${fields.peer}`)

  beforeEach(async () => {
    world = new World({ externalPeers: [router] })
    const policy = 'type filter hook forward priority filter; policy drop;'
    await world.kernel.nft.run(`add table ip filter\nadd chain ip filter FORWARD { ${policy} }\n`)
    await world.start(ipv4Node(1), ipv4Node(2))
    await world.addPort('pod1')
    await world.speak(NODE, ['10.244.2.0/24'])
    await world.speak(ROUTER, [FROM_ROUTER], { asn: 65000 })
    await world.sessions()
    expect(world.routes()).to.deep.equal([`10.244.2.0/24 via ${NODE}`, `${FROM_ROUTER} via ${ROUTER}`])
    world.ops()
    world.said.splice(0)
  })
  afterEach(() => world[Symbol.asyncDispose]())

  async function expectEffect({ change, ops, resets, anew, refused }: Effect): Promise<void> {
    const { speaker } = world
    const notLive = world.network.configure({ ...world.settings, ...change })
    await world.sessions()
    expect(world.ops().sort()).to.deep.equal([...(ops ?? (anew ? GONE : NOTHING))].sort())
    expect(downs().sort()).to.deep.equal([...(resets ?? NOTHING)].sort())
    expect(world.speaker === speaker).to.equal(anew !== true)
    expect(notLive).to.deep.equal(refused ?? [])
    // Taken back, nothing of it is left.
    expect(world.network.configure(world.settings)).to.deep.equal([])
    await world.sessions()
    await world.sessions()
    expect(world.routes()).to.deep.equal([`10.244.2.0/24 via ${NODE}`, `${FROM_ROUTER} via ${ROUTER}`])
    expect(world.network.ready).to.equal(true)
    expect(world.kernel.files.paths()).to.deep.equal([CONFLIST])
  }

  for (const [option, effects] of Object.entries(EFFECTS))
    for (const [i, effect] of effects.entries())
      it(`${option}: touches what it concerns, and comes back${i > 0 ? ` (${i + 1})` : ''}`, () =>
        expectEffect(effect))

  for (const [option, { ops, resets, ...change }] of Object.entries(OF_ROUTER))
    it(`peers[0].${option}: touches that router alone, and comes back`, () =>
      expectEffect({
        change: { externalPeers: [{ ...router, ...change }] },
        ...(ops === undefined ? {} : { ops }),
        ...(resets === undefined ? {} : { resets }),
      }))

  it('touches nothing where nothing is different', () => expectEffect({ change: {} }))

  it('keepRoutes: holds for routes whose session was lost before', async () => {
    await world.silence(NODE, 'stops')
    await world.settle(20_000)
    expect(world.ops()).to.deep.equal([])
    world.network.configure({ ...world.settings, keepRoutes: 10 })
    await world.settle(100)
    expect(world.ops()).to.deep.equal(['routes remove 10.244.2.0/24'])
  })

  it('peerDeadline: holds for the start that is under way', async () => {
    await world.silence(NODE)
    await world.restart({ externalPeers: [router], peerDeadline: 600 }, ipv4Node(1), ipv4Node(2))
    await world.settle(10_000)
    expect(world.problems()[0]).to.equal('peers: waiting for node-2')
    world.network.configure({ ...world.settings, peerDeadline: 12 })
    await world.settle(2200)
    expect(world.problems()).to.deep.equal([])
  })

  it('bmpCollectors: one is told of sessions and routes from then on, and until it is taken out', async () => {
    const station = new BmpStation()
    const at = { port: COLLECTOR.port }
    await world.memory.transport(COLLECTOR.address).listen(at, (connection) => station.accept(connection))
    world.network.configure({ ...world.settings, bmpCollectors: [COLLECTOR] })
    await world.settle(100)
    expect(station.messages[0]).to.deep.include({
      kind: 'initiation',
      information: [
        { type: 1, text: 'podroute' },
        { type: 2, text: 'node-1' },
      ],
    })
    expect(station.routes()).to.include(`pre ${NODE} 10.244.2.0/24`)
    world.network.configure({ ...world.settings, bmpCollectors: [] })
    await world.settle(100)
    expect(station.messages.at(-1)?.kind).to.equal('termination')
  })

  it('restartTime: peers are asked to forget at the end, where that is switched off', async () => {
    const { restartTime: _, ...without } = world.settings
    world.network.configure(without)
    await world.sessions()
    expect(world.speaker?.configuration(NODE)?.gracefulRestart).to.equal(undefined)
  })
})
