/** Short session affinities on a real nftables, with a plain translation in the place of IPVS; with IPVS: test/ipvs/policies.test.ts. */

import { setTimeout as pause } from 'node:timers/promises'
import { serverKey } from '@podroute/kernel/ipvs/keys.ts'
import type { NftApi } from '@podroute/kernel/nft/api.ts'
import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { SetElementResource } from '@podroute/kernel/nft/element-resource.ts'
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { describeResource, listed } from '@podroute/reconcile/testing/contract.ts'
import { affinityName, type ShortAffinity } from '@podroute/service-proxy/rules/affinity.ts'
import { SETS, TABLE_NAME } from '@podroute/service-proxy/rules/sets.ts'
import { ShortAffinities } from '@podroute/service-proxy/rules/short-affinities.ts'
import { SERVICE_TABLE } from '@podroute/service-proxy/rules/table.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { planOf } from '@podroute/service-proxy/testing/planning.ts'
import { expect } from 'chai'
import { A4, A6, B4, C4, C6, type Host, makeNetwork, type Network } from '../ipvs/support/network.ts'

const NETNS = 'pr-affinity'
const VIP = '10.96.0.1'
const VIP6 = 'fd10:96::1'
const WEB: ShortAffinity = { family: 4, protocol: 'tcp', address: VIP, port: 80, seconds: 10 }
const DNS: ShortAffinity = { family: 6, protocol: 'udp', address: VIP6, port: 53, seconds: 119 }
const WEB_NAME = affinityName(WEB)

async function fresh(netns = NETNS) {
  const nft = openNft({ netns })
  await nft.run(tableScript(SERVICE_TABLE))
  return {
    nft,
    affinities: new ShortAffinities(nft),
    elements: new SetElementResource(nft, TABLE_NAME, SETS),
  }
}

async function freshResource() {
  removeNetns(NETNS)
  createNetns(NETNS)
  const { nft, affinities, elements } = await fresh()
  const dispose = async () => {
    nft[Symbol.dispose]()
    removeNetns(NETNS)
  }
  const withNetns = <T extends object>(resource: T) =>
    Object.assign(resource, { [Symbol.asyncDispose]: dispose })
  return { nft, resource: withNetns(affinities), elements: withNetns(elements) }
}

const NUMBER = {
  set: 'service-affinity-numbers-4',
  element: '10.96.0.1 . tcp . 80 . 10.244.1.2 . 8080 : 0x5d000001',
}
const VALUED: readonly SetElement[] = [
  NUMBER,
  { set: 'service-affinity-endpoints-6', element: 'fd10:96::1 . udp . 53 . 1560281089 : fd10:244::2 . 5353' },
  { set: 'service-affinity-4', element: '10.96.0.1 . sctp . 80 : goto affinity-tcp-10.96.0.1-80' },
]

describeResource(
  'elements with a value',
  async () => {
    const { nft, elements } = await freshResource()
    await nft.run('add chain inet podroute-service-proxy affinity-tcp-10.96.0.1-80\n')
    return elements
  },
  {
    entries: VALUED.map((element) => [elementKey(element), element] as const),
    replacement: { ...NUMBER, element: NUMBER.element.replace('0x5d000001', '0x5d000002') },
  },
)

describeResource('short affinities', async () => (await freshResource()).resource, {
  entries: [WEB, DNS].map((affinity) => [serverKey(affinity), affinity] as const),
  replacement: { ...WEB, seconds: 90 },
})

describe('short affinities', () => {
  it('are found as they were written by the next agent', async () => {
    const { nft, resource } = await freshResource()
    for (const value of [WEB, { ...WEB, port: 81 }, DNS])
      await resource.apply([{ kind: 'add', key: serverKey(value), value }])
    const next = new ShortAffinities(nft)
    expect([...(await listed(next)).values()]).to.have.deep.members([WEB, { ...WEB, port: 81 }, DNS])
    await resource[Symbol.asyncDispose]()
  })

  for (const [what, damage] of [
    ['the rules of a chain', `flush chain inet podroute-service-proxy ${WEB_NAME}`],
    [
      'a chain',
      `flush chain inet podroute-service-proxy ${WEB_NAME}-learn\ndelete chain inet podroute-service-proxy ${WEB_NAME}-learn`,
    ],
    [
      'the map',
      `flush chain inet podroute-service-proxy ${WEB_NAME}\nflush chain inet podroute-service-proxy ${WEB_NAME}-learn\n` +
        `delete map inet podroute-service-proxy ${WEB_NAME}`,
    ],
    [
      'one rule, and put another in its place',
      `flush chain inet podroute-service-proxy ${WEB_NAME}-learn\n` +
        `add rule inet podroute-service-proxy ${WEB_NAME}-learn counter`,
    ],
  ] as const) {
    it(`are whole again where somebody removed ${what}`, async () => {
      const { nft, resource } = await freshResource()
      const key = serverKey(WEB)
      await resource.apply([{ kind: 'add', key, value: WEB }])
      await nft.run(`${damage}\n`)
      const previous = (await listed(resource)).get(key)!
      expect(previous.seconds).to.equal(0)
      expect(await resource.apply([{ kind: 'replace', key, value: WEB, previous }])).to.deep.equal([
        { ok: true },
      ])
      expect((await listed(resource)).get(key)).to.deep.equal(WEB)
      await resource[Symbol.asyncDispose]()
    })
  }
})

describe('a client with a short session affinity', () => {
  const SECONDS = 2
  const stack = new AsyncDisposableStack()
  let network: Network
  let nft: NftApi & Disposable
  let elements: SetElementResource
  let inPlace: readonly SetElement[] = []

  /** What planning makes of these endpoints, put in place of what was there. */
  async function show(v4: readonly string[], v6: readonly string[], port = 8080): Promise<void> {
    const web = service('web', {
      clusterIPs: [VIP, VIP6],
      ports: [
        { name: 't', port: 80, protocol: 'TCP' },
        { name: 'u', port: 80, protocol: 'UDP' },
      ],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: SECONDS } },
    })
    const ports = [
      { name: 't', port, protocol: 'TCP' },
      { name: 'u', port, protocol: 'UDP' },
    ]
    const { frontends } = planOf(web, [slice('web', v4, ports), slice('web', v6, ports)])
    for (const { affinity } of inPlace.length === 0 ? frontends : []) {
      const add = { kind: 'add', key: serverKey(affinity!), value: affinity! } as const
      expect(await new ShortAffinities(nft).apply([add])).to.deep.equal([{ ok: true }])
    }
    const next = frontends.flatMap((frontend) =>
      frontend.elements.filter(({ set }) => set.includes('affinity')),
    )
    const keys = (all: readonly SetElement[]) => new Map(all.map((element) => [elementKey(element), element]))
    const [before, after] = [keys(inPlace), keys(next)]
    const outcomes = await elements.apply([
      ...[...after]
        .filter(([key]) => !before.has(key))
        .map(([key, value]) => ({ kind: 'add', key, value }) as const),
      ...[...before]
        .filter(([key]) => !after.has(key))
        .map(([key, previous]) => ({ kind: 'remove', key, previous }) as const),
    ])
    expect(outcomes.every(({ ok }) => ok)).to.equal(true)
    inPlace = next
  }

  /** In the place of IPVS: in turn, to these endpoints. */
  async function choose(v4: readonly string[], v6: readonly string[]): Promise<void> {
    const turns = (all: readonly string[]) =>
      `numgen inc mod ${all.length} map { ${all.map((address, index) => `${index} : ${address}`).join(', ')} }`
    const rule = (vip: string, ip: string, protocol: string, all: readonly string[]) =>
      `${ip} daddr ${vip} meta l4proto ${protocol} dnat ${ip} to ${turns(all)} : 8080`
    const rules = ['scheduler', 'scheduler-output'].flatMap((chain) => [
      `flush chain inet other ${chain}`,
      ...['tcp', 'udp'].flatMap((protocol) => [
        `add rule inet other ${chain} ${rule(VIP, 'ip', protocol, v4)}`,
        `add rule inet other ${chain} ${rule(VIP6, 'ip6', protocol, v6)}`,
      ]),
    ])
    await nft.run(`${rules.join('\n')}\n`)
  }

  before(async function () {
    this.timeout(60_000)
    network = stack.use(await makeNetwork('affinity'))
    const made = await fresh(network.namespace)
    nft = stack.use(made.nft)
    elements = made.elements
    await nft.run(
      [
        'add table inet other',
        'add chain inet other scheduler { type nat hook prerouting priority -90; }',
        'add chain inet other scheduler-output { type nat hook output priority -90; }',
        // So that every answer comes back this way.
        'add chain inet other answers { type nat hook postrouting priority 100; }',
        'add rule inet other answers ct status dnat masquerade',
        '',
      ].join('\n'),
    )
    await network.exec('node', 'ip', 'route', 'add', 'local', VIP, 'dev', 'lo', 'src', '172.31.0.11')
    await network.exec('node', 'ip', '-6', 'route', 'add', 'local', VIP6, 'dev', 'lo', 'src', 'fd31::11')
  })
  after(() => stack.disposeAsync())

  const name = (answer: string) => answer.split(' ')[0]!
  async function tcp(host: Host, address = VIP, times = 4): Promise<string> {
    const found = new Set<string>()
    for (let count = 0; count < times; count++) found.add(name(await host.tcp(address, 80)))
    return [...found].sort().join()
  }
  async function udp(host: Host, address = VIP, times = 4): Promise<string> {
    const found = new Set<string>()
    for (let count = 0; count < times; count++) found.add(name(await host.udp(address, 80)))
    return [...found].sort().join()
  }

  it('goes back to its endpoint, each protocol and family by itself, from pods, from outside and from the node', async () => {
    await choose([B4, C4], [A6, C6])
    await show([B4, C4], [A6, C6])
    for (const host of [network.podA, network.client, network.node]) {
      expect(await tcp(host), host.name).to.match(/^[bc]$/)
      expect(await udp(host), host.name).to.match(/^[bc]$/)
      expect(await tcp(host, VIP6), host.name).to.match(/^[ac]$/)
      expect(await udp(host, VIP6), host.name).to.match(/^[ac]$/)
    }
  })

  it('goes elsewhere, and stays there, when its endpoint is gone; the others stay where they are', async () => {
    const hosts = [network.podA, network.podB, network.client, network.node]
    const before = await Promise.all(hosts.map((host) => tcp(host, VIP, 1)))
    expect(before.sort().join()).to.include('b').and.include('c')
    await show([C4, A4], [C6])
    // The scheduler knows of it later: what it still does meanwhile is not remembered.
    await tcp(network.client)
    await choose([C4, A4], [C6])
    for (const [index, host] of hosts.entries()) {
      const now = await tcp(host)
      expect(now, host.name).to.match(/^[ac]$/)
      if (before[index] === 'c') expect(now).to.equal('c')
      expect(await tcp(host, VIP6)).to.equal('c')
    }
  })

  it('is led to an endpoint with another port', async () => {
    await show([C4], [C6], 8081)
    await nft.run('flush chain inet other scheduler\n')
    await nft.run(`add rule inet other scheduler ip daddr ${VIP} meta l4proto tcp dnat ip to ${C4}:8081\n`)
    expect(await tcp(network.podA, VIP, 1)).to.equal('c')
    await nft.run('flush chain inet other scheduler\n')
    expect(await tcp(network.podA)).to.equal('c')
  })

  it('is forgotten so many seconds after its last connection, and not before', async () => {
    await show([B4, C4], [A6, C6])
    await choose([B4, C4], [A6, C6])
    const first = await tcp(network.podA, VIP, 1)
    const end = performance.now() + (SECONDS + 1) * 1000
    while (performance.now() < end) {
      await pause(250)
      expect(await tcp(network.podA, VIP, 1)).to.equal(first)
    }
    const map = () => nft.listJson(`list map inet podroute-service-proxy ${WEB_NAME}`).then(JSON.stringify)
    expect(await map()).to.include(A4)
    await pause((SECONDS + 0.3) * 1000)
    expect(await map()).not.to.include(A4)
  })

  it('that loadBalancerSourceRanges keep out is led nowhere', async () => {
    const first = await tcp(network.client)
    expect(first).to.match(/^[bc]$/)
    await nft.run(
      `add element inet podroute-service-proxy service-ranged-4 { ${VIP} . tcp . 80 }\n` +
        `add element inet podroute-service-proxy service-ranges-4 { ${VIP} . tcp . 80 . 10.244.0.0/16 }\n`,
    )
    await tcp(network.podA, VIP, 1)
    await nft.run('flush chain inet other scheduler\n')
    const gone = await network.client.tcp(VIP, 80).catch((error: NodeJS.ErrnoException) => error.code)
    expect(gone).to.not.match(/^[abc] /)
    expect(await tcp(network.podA)).to.match(/^[bc]$/)
  })
})
