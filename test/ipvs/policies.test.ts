import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import { loadModule } from '@podroute/linux/modules.ts'
import type { ObjectProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { type SliceEndpoint, service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import type { Host, Network } from './support/network.ts'
import { A4, A6, B4, B6, C4, C6, D4, NODE } from './support/network.ts'
import { sharedNetwork, startProxy } from './support/shared-network.ts'

const CLIENT = '172.31.0.100'
const CLIENT6 = 'fd31::100'
/** Addresses that the client reaches through the node. */
const VIP = '192.0.2.7'
const VIP6 = 'fd20::7'

describe('service policies', () => {
  const stack = new AsyncDisposableStack()
  let network: Network
  let proxy: ObjectProxy

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    proxy = await startProxy(stack, network, {
      zone: 'zone-a',
      nodePortRanges: ['172.31.0.0/24', 'fd31::/64'],
      externalRanges: ['192.0.2.0/24', 'fd20::/112'],
    })
  })
  after(() => stack.disposeAsync())

  let last = 0
  /** A Service with an address of its own, which it returns. */
  async function serve(
    spec: NonNullable<ServiceObject['spec']>,
    slices: (name: string) => EndpointSliceObject[],
    more: Omit<ServiceObject, 'spec'> = {},
  ): Promise<{ v4: string; v6: string; update: typeof update }> {
    const index = ++last
    const name = `s${index}`
    const v4 = `10.96.1.${index}`
    const v6 = `fd10:96::1${index.toString(16).padStart(2, '0')}`
    const update = async (
      change: NonNullable<ServiceObject['spec']>,
      next: (name: string) => EndpointSliceObject[],
    ) => {
      proxy.upsertService(service(name, { ...change, clusterIPs: [v4, v6] }, more))
      for (const object of next(name)) proxy.upsertSlice(object)
      expect((await proxy.flush()).failed).to.equal(0)
    }
    await update(spec, slices)
    return { v4, v6, update }
  }

  async function names(host: Host, address: string, port = 80, count = 4): Promise<string> {
    const answers: string[] = []
    for (let index = 0; index < count; index++) answers.push(await host.tcp(address, port))
    return namesOf(answers)
  }
  const namesOf = (answers: readonly string[]) =>
    [...new Set(answers.map((answer) => answer.split(' ')[0]))].sort().join()
  const codeOf = (attempt: Promise<unknown>): Promise<string | undefined> =>
    attempt.then(
      () => 'answered',
      (error: NodeJS.ErrnoException) => error.code,
    )
  const both = (v4: string[], v6: string[]) => (name: string) => [slice(name, v4), slice(name, v6)]
  const ingress = (...addresses: object[]) => ({ status: { loadBalancer: { ingress: addresses } } })

  it('session affinity keeps a client at its endpoint, until it is switched off', async () => {
    const ports = [{ port: 80, nodePort: 30001, protocol: 'TCP' }]
    const slices = both([A4, B4, C4], [A6, C6])
    const spec = { type: 'NodePort', ports, sessionAffinity: 'ClientIP' }
    const { v4, v6, update } = await serve(spec, slices)
    for (const host of [network.podB, network.client, network.node]) {
      expect(await names(host, v4), host.name).to.match(/^[abc]$/)
      expect(await names(host, v6), host.name).to.match(/^[ac]$/)
    }
    expect(await names(network.client, NODE.v4, 30001)).to.match(/^[abc]$/)
    await update({ ...spec, sessionAffinity: 'None' }, slices)
    expect(await names(network.podB, v4)).to.equal('a,b,c')
  })

  it('session affinity shorter than TIME_WAIT holds, moves on with its endpoint, and expires', async () => {
    const SECONDS = 6
    const ports = [
      { name: 'tcp', port: 80, nodePort: 30007, protocol: 'TCP' },
      { name: 'udp', port: 80, nodePort: 30007, protocol: 'UDP' },
    ]
    const sliced = ['TCP', 'UDP'].map((protocol) => ({ name: protocol.toLowerCase(), port: 8080, protocol }))
    const slices = (v4: string[], v6: string[]) => (name: string) => [
      slice(name, v4, sliced),
      slice(name, v6, sliced),
    ]
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: SECONDS } }
    const spec = { type: 'NodePort', ports, sessionAffinity: 'ClientIP', sessionAffinityConfig }
    const all = slices([A4, B4, C4], [A6, C6])
    const { v4, v6, update } = await serve(spec, all)
    const hosts = [network.podB, network.client, network.node]
    for (const host of hosts) {
      expect(await names(host, v4), host.name).to.match(/^[abc]$/)
      expect(await names(host, v6), host.name).to.match(/^[ac]$/)
    }
    expect(await names(network.client, NODE.v4, 30007)).to.match(/^[abc]$/)
    const first = await network.podB.udp(v4, 80)
    const datagrams = await Promise.all([1, 2, 3].map(() => network.podB.udp(v4, 80)))
    expect(datagrams).to.deep.equal(Array(3).fill(first))
    await update(spec, slices([C4], [C6]))
    for (const host of hosts.toReversed()) expect(await names(host, v4, 80, 1), host.name).to.equal('c')
    expect(await network.podB.udp(v4, 80)).to.match(/^c /)
    await update(spec, all)
    expect(await names(network.podB, v4)).to.equal('c')
    // Connections that ended are in TIME_WAIT for two minutes; that is nothing to the affinity.
    await pause((SECONDS + 0.5) * 1000)
    const later: string[] = []
    for (const host of hosts) later.push(await names(host, v4, 80, 1))
    expect(later.sort()).to.deep.equal(['a', 'b', 'c'])
    await update({ ...spec, sessionAffinity: 'None' }, all)
    expect(await names(network.podB, v4)).to.equal('a,b,c')
  })

  it('session affinity shorter than TIME_WAIT keeps to the traffic policy, and the source address with it', async () => {
    const ports = [{ port: 80, nodePort: 30008, protocol: 'TCP' }]
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 60 } }
    const spec = { type: 'NodePort', ports, sessionAffinity: 'ClientIP', sessionAffinityConfig }
    const both = (name: string) => [slice(name, [{ addresses: [A4], nodeName: 'node' }, C4])]
    const { update } = await serve(spec, (name) => [slice(name, [C4])])
    expect(await names(network.client, NODE.v4, 30008)).to.equal('c')
    await update(spec, both)
    expect(await names(network.client, NODE.v4, 30008)).to.equal('c')
    await update({ ...spec, externalTrafficPolicy: 'Local' }, both)
    for (let count = 0; count < 3; count++) {
      expect(await network.client.tcp(NODE.v4, 30008)).to.equal(`a ${CLIENT}`)
    }
  })

  it('session affinity moves a client on when its endpoint goes', async () => {
    const { v4, update } = await serve({ sessionAffinity: 'ClientIP' }, (name) => [slice(name, [A4])])
    expect(await names(network.podB, v4)).to.equal('a')
    await update({ sessionAffinity: 'ClientIP' }, (name) => [slice(name, [C4])])
    expect(await names(network.podB, v4)).to.equal('c')
  })

  it('internalTrafficPolicy Local stays on the node, or gets no answer', async () => {
    const spec = { internalTrafficPolicy: 'Local' }
    const { v4, v6, update } = await serve(spec, both([A4, B4, C4], [A6, C6]))
    expect(await names(network.podB, v4)).to.equal('a,b')
    expect(await names(network.node, v6)).to.equal('a')
    await update(spec, both([C4], [C6]))
    const codes = [network.podB, network.node].map((host) => codeOf(host.tcp(v4, 80)))
    expect(await Promise.all([...codes, codeOf(network.podB.tcp(v6, 80))])).to.deep.equal(
      Array(3).fill('ETIMEDOUT'),
    )
  })

  describe('externalTrafficPolicy Local', () => {
    const spec = {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, nodePort: 30002, protocol: 'TCP' }],
      healthCheckNodePort: 32002,
    }
    let update: (spec: object, slices: (name: string) => EndpointSliceObject[]) => Promise<void>
    before(async () => {
      const served = await serve(spec, both([A4, C4], [A6, C6]), ingress({ ip: VIP }, { ip: VIP6 }))
      update = served.update
    })

    it('gives clients outside the endpoints of this node, which see their address', async () => {
      for (const [address, port, client] of [
        [VIP, 80, CLIENT],
        [NODE.v4, 30002, CLIENT],
        [VIP6, 80, CLIENT6],
        [NODE.v6, 30002, CLIENT6],
      ] as const) {
        for (let index = 0; index < 3; index++) {
          expect(await network.client.tcp(address, port), address).to.equal(`a ${client}`)
        }
      }
    })

    it('gives pods and the node all endpoints', async () => {
      for (const host of [network.podB, network.node]) {
        expect(await names(host, VIP), host.name).to.equal('a,c')
        expect(await names(host, VIP6), host.name).to.equal('a,c')
        expect(await names(host, NODE.v4, 30002), host.name).to.equal('a,c')
      }
    })

    const health = async () =>
      network.exec('client', 'curl', '-s', '-w', ' %{http_code}', `http://${NODE.v4}:32002/`)

    it('answers the health check of the load balancer', async () => {
      expect(await health()).to.match(/"localEndpoints":1,"serviceProxyHealthy":true\} 200$/)
    })

    it('falls back to endpoints of this node that still serve', async () => {
      const terminating: SliceEndpoint = {
        addresses: [B4],
        conditions: { ready: false, serving: true, terminating: true },
      }
      await update(spec, (name) => [slice(name, [terminating, C4])])
      expect(await network.client.tcp(VIP, 80)).to.equal(`b ${CLIENT}`)
      expect(await names(network.podA, VIP)).to.equal('c')
      expect(await health()).to.match(/"localEndpoints":0,"serviceProxyHealthy":true\} 503$/)
    })

    it('leaves clients outside without an answer where this node has no endpoint, and nobody else', async () => {
      await update(spec, both([C4], [C6]))
      const codes = await Promise.all(
        [
          [VIP, 80],
          [VIP6, 80],
          [NODE.v4, 30002],
        ].map(([address, port]) => codeOf(network.client.tcp(address as string, port as number))),
      )
      expect(codes).to.deep.equal(Array(3).fill('ETIMEDOUT'))
      expect(await names(network.podA, VIP)).to.equal('c')
    })

    it('refuses everybody where no node has one', async () => {
      await update(spec, () => [])
      proxy.upsertSlice(slice(`s${last}`, [{ addresses: [A6], conditions: { ready: false } }]))
      proxy.upsertSlice(slice(`s${last}`, [{ addresses: [A4], conditions: { ready: false } }]))
      await proxy.flush()
      for (const host of [network.client, network.podA, network.node]) {
        expect(await codeOf(host.tcp(VIP, 80)), host.name).to.equal('ECONNREFUSED')
      }
    })
  })

  it('loadBalancerSourceRanges hold for the address of the load balancer, for the node itself, and not for NodePorts', async () => {
    const spec = {
      type: 'LoadBalancer',
      ports: [{ port: 80, nodePort: 30003, protocol: 'TCP' }],
    }
    const address = '192.0.2.8'
    const slices = (name: string) => [slice(name, [A4])]
    const { update } = await serve(
      { ...spec, loadBalancerSourceRanges: [`${CLIENT}/32`] },
      slices,
      ingress({ ip: address }),
    )
    expect(await network.client.tcp(address, 80)).to.match(/^a /)
    expect(await codeOf(network.node.tcp(address, 80))).to.equal('ETIMEDOUT')
    await update({ ...spec, loadBalancerSourceRanges: ['172.31.0.0/28', '10.244.0.0/16'] }, slices)
    expect(await codeOf(network.client.tcp(address, 80))).to.equal('ETIMEDOUT')
    expect(await network.client.tcp(NODE.v4, 30003)).to.match(/^a /)
    expect(await network.node.tcp(address, 80)).to.match(/^a /)
    expect(await network.podB.tcp(address, 80)).to.match(/^a /)
  })

  it('externalIPs inside the allowed ranges answer, and show no other port of the node', async () => {
    const externalIPs = ['192.0.2.9', 'fd20::9', '198.51.100.9']
    await serve({ externalIPs }, both([A4, C4], [A6, C6]))
    for (const host of [network.client, network.podB, network.node]) {
      expect(await names(host, '192.0.2.9'), host.name).to.equal('a,c')
      expect(await names(host, 'fd20::9'), host.name).to.equal('a,c')
      expect(await codeOf(host.tcp('192.0.2.9', 9090)), host.name).to.equal('ECONNREFUSED')
    }
    expect(proxy.problems().map(({ detail }) => detail)).to.include(
      '198.51.100.9: not in a range that is configured for externalIPs',
    )
  })

  it('answers no ARP for a service address, which is the same on every node', async () => {
    const asked = (address: string) =>
      network
        .exec('client', 'busybox', 'arping', '-q', '-f', '-c', '2', '-w', '2', '-I', 'eth0', address)
        .then(
          () => 'answered',
          () => 'silent',
        )
    expect(await network.client.tcp('192.0.2.9', 80)).to.match(/^[ac] /)
    expect(await Promise.all([asked(NODE.v4), asked('192.0.2.9')])).to.deep.equal(['answered', 'silent'])
  })

  it('a load balancer that delivers to the node itself has no address here', async () => {
    await serve(
      { type: 'LoadBalancer' },
      (name) => [slice(name, [A4])],
      ingress({ ip: '192.0.2.10', ipMode: 'Proxy' }, { ip: '192.0.2.11', ipMode: 'VIP' }),
    )
    expect(await network.client.tcp('192.0.2.11', 80)).to.match(/^a /)
    const routes = await network.exec('node', 'ip', 'route', 'show', 'table', 'local')
    expect(routes).to.include('192.0.2.11').and.not.include('192.0.2.10 ')
  })

  it('topology hints keep traffic in the zone', async () => {
    const hinted = (address: string, zone: string): SliceEndpoint => ({
      addresses: [address],
      hints: { forZones: [{ name: zone }] },
    })
    const { v4 } = await serve({}, (name) => [slice(name, [hinted(A4, 'zone-b'), hinted(C4, 'zone-a')])])
    expect(await names(network.podB, v4)).to.equal('c')
  })

  it('another scheduler is used where an annotation names it', async () => {
    const metadata = { annotations: { 'kube-router.io/service.scheduler': 'sh' } }
    const { v4 } = await serve({}, (name) => [slice(name, [A4, B4, C4])], { metadata: { ...metadata } })
    expect(await names(network.podB, v4, 80, 6)).to.match(/^[abc]$/)
    expect(await network.exec('node', 'cat', '/proc/net/ip_vs')).to.match(/0A60010B:0050 sh|0A6001..:0050 sh/)
  })

  for (const scheduler of ['sh', 'mh', 'dh']) {
    it(`${scheduler} goes on for new clients while an endpoint drains`, async () => {
      const metadata = { annotations: { 'podroute.io/service.scheduler': scheduler } }
      const endpoints = { a: A4, b: B4, c: C4 }
      const { v4, update } = await serve({}, (name) => [slice(name, Object.values(endpoints))], { metadata })
      const say = await network.podB.connect(v4, 80)
      const chosen = (await say()).split(' ')[0] as keyof typeof endpoints
      const left = Object.values(endpoints).filter((address) => address !== endpoints[chosen])
      await update({}, (name) => [slice(name, left)])
      // The hash leads the same client to the same endpoint.
      expect(await names(network.podB, v4, 80, 6))
        .to.match(/^[abc](,[abc])*$/)
        .and.not.include(chosen)
      if (scheduler !== 'dh') expect(await say()).to.match(new RegExp(`^${chosen} `))
    })
  }

  for (const seconds of [60, 10_800]) {
    it(`a UDP flow with ${seconds} s of affinity ends with the last endpoint, and with the Service`, async () => {
      const sessionAffinityConfig = { clientIP: { timeoutSeconds: seconds } }
      const ports = [{ port: 80, protocol: 'UDP' }]
      const spec = { ports, sessionAffinity: 'ClientIP', sessionAffinityConfig }
      const sliced = [{ port: 8080, protocol: 'UDP' }]
      const { v4, update } = await serve(spec, (name) => [slice(name, [A4], sliced)])
      const ask = () => network.podB.udp(v4, 80, 5010)
      expect(await ask()).to.match(/^a /)
      await update(spec, (name) => [{ ...slice(name, [A4], sliced), endpoints: [] }])
      expect(await codeOf(ask()), 'no endpoint').to.not.equal('answered')
      await update(spec, (name) => [slice(name, [A4], sliced)])
      expect(await ask()).to.match(/^a /)
      proxy.deleteService(`test/s${last}`)
      await proxy.flush()
      expect(await codeOf(ask()), 'no Service').to.not.equal('answered')
    })
  }

  it('a UDP client is led to another endpoint at once when its own goes', async () => {
    const ports = [{ port: 80, nodePort: 30004, protocol: 'UDP' }]
    const sliced = [{ port: 8080, protocol: 'UDP' }]
    const spec = { type: 'NodePort', ports }
    const { v4, v6, update } = await serve(spec, (name) => [
      slice(name, [A4], sliced),
      slice(name, [A6], sliced),
    ])
    const ask = () =>
      Promise.all([
        network.podB.udp(v4, 80, 5001),
        network.client.udp(NODE.v4, 30004, 5002),
        network.podB.udp(v6, 80, 5003),
        network.node.udp(v4, 80, 5004),
      ]).then((all) => all.map((answer) => answer.split(' ')[0]).join())
    expect(await ask()).to.equal('a,a,a,a')
    await update(spec, (name) => [slice(name, [C4], sliced), slice(name, [C6], sliced)])
    expect(await ask()).to.equal('c,c,c,c')
  })

  it('a connection outlives its endpoint’s place in the Service, and new ones go elsewhere', async () => {
    const { v4, update } = await serve({}, (name) => [slice(name, [A4])])
    const say = await network.podB.connect(v4, 80)
    expect(await say()).to.match(/^a /)
    await update({}, (name) => [slice(name, [C4, D4])])
    expect(await names(network.podB, v4)).to.equal('c')
    expect(await say()).to.match(/^a /)
    await update({}, (name) => [slice(name, [])])
    proxy.upsertSlice(slice(`s${last}`, [{ addresses: [C4], conditions: { ready: false } }]))
    await proxy.flush()
    expect(await codeOf(network.podB.tcp(v4, 80))).to.equal('ECONNREFUSED')
    expect(await say()).to.match(/^a /)
  })

  it('a connection outlives its Service, of either policy, and new ones are refused', async () => {
    const ports = [{ port: 80, nodePort: 30009, protocol: 'TCP' }]
    const spec = { type: 'NodePort', externalTrafficPolicy: 'Local', ports }
    const { v4 } = await serve(spec, (name) => [slice(name, [A4, C4])])
    const inside = await network.podB.connect(v4, 80)
    const outside = await network.client.connect(NODE.v4, 30009)
    await Promise.all([inside(), outside()])
    proxy.deleteService(`test/s${last}`)
    await proxy.flush()
    for (let round = 0; round < 3; round++) {
      expect(await inside()).to.match(/^[ac] /)
      expect(await outside()).to.match(/^a /)
      await new Promise((resolve) => setTimeout(resolve, 700))
    }
    expect(await codeOf(network.podB.tcp(v4, 80))).to.equal('ECONNREFUSED')
    expect(await codeOf(network.client.tcp(NODE.v4, 30009))).to.equal('ECONNREFUSED')
  })

  it('NodePorts follow the addresses of the node', async () => {
    const ports = [{ port: 80, nodePort: 30005, protocol: 'TCP' }]
    await serve({ type: 'NodePort', ports }, (name) => [slice(name, [A4])])
    await network.exec('node', 'ip', 'addr', 'add', '172.31.0.21/24', 'dev', 'eth0')
    const end = performance.now() + 3000
    let answer: string | undefined
    while (answer !== 'answered' && performance.now() < end) {
      answer = await codeOf(network.client.tcp('172.31.0.21', 30005))
    }
    expect(answer).to.equal('answered')
    await network.exec('node', 'ip', 'addr', 'del', '172.31.0.21/24', 'dev', 'eth0')
  })

  it('serves with round robin where the kernel lacks the scheduler', async () => {
    await writeFile('/etc/modprobe.d/no-sed.conf', 'install ip_vs_sed /bin/false\n')
    const metadata = { annotations: { 'podroute.io/service.scheduler': 'sed' } }
    const { v4 } = await serve({}, (name) => [slice(name, [A4, B4])], { metadata: { ...metadata } }).catch(
      // The first flush is the one that finds out.
      async () => ({ v4: `10.96.1.${last}` }),
    )
    await proxy.flush()
    expect(await names(network.podB, v4)).to.equal('a,b')
    expect(proxy.problems().map(({ code, detail }) => `${code} ${detail}`)).to.include(
      'NO_SCHEDULER sed; rr is used instead',
    )
  })

  it('serves SCTP, IPv4 and IPv6', async () => {
    expect(await loadModule('sctp')).to.include({ ok: true })
    await network.podA.serveSctp(7000)
    const ports = [{ port: 80, nodePort: 30006, protocol: 'SCTP' }]
    const sliced = [{ port: 7000, protocol: 'SCTP' }]
    const { v4, v6 } = await serve({ type: 'NodePort', ports }, (name) => [
      slice(name, [A4], sliced),
      slice(name, [A6], sliced),
    ])
    for (const [vip, node] of [
      [v4, NODE.v4],
      [v6, NODE.v6],
    ] as const) {
      expect(await network.podB.sctp(vip, 80), vip).to.match(/^a /)
      expect(await network.node.sctp(vip, 80), vip).to.match(/^a /)
      expect(await network.client.sctp(node, 30006), node).to.match(/^a /)
      const refused = await codeOf(network.podB.sctp(vip, 81))
      expect(refused, 'unknown port').to.be.oneOf(['ECONNREFUSED', 'ETIMEDOUT'])
    }
  })

  it('session affinity shorter than TIME_WAIT holds for SCTP, and at the address of a load balancer', async () => {
    expect(await loadModule('sctp')).to.include({ ok: true })
    await Promise.all([network.podA.serveSctp(7001), network.podB.serveSctp(7001)])
    const [ingress4, ingress6] = ['192.0.2.12', 'fd20::12']
    const ports = [
      { name: 'tcp', port: 80, nodePort: 30009, protocol: 'TCP' },
      { name: 'sctp', port: 80, nodePort: 30009, protocol: 'SCTP' },
    ]
    const sliced = [
      { name: 'tcp', port: 8080, protocol: 'TCP' },
      { name: 'sctp', port: 7001, protocol: 'SCTP' },
    ]
    const slices = (v4: string[], v6: string[]) => (name: string) => [
      slice(name, v4, sliced),
      slice(name, v6, sliced),
    ]
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 60 } }
    const spec = { type: 'LoadBalancer', ports, sessionAffinity: 'ClientIP', sessionAffinityConfig }
    const all = slices([A4, B4], [A6, B6])
    const { v4, v6, update } = await serve(spec, all, ingress({ ip: ingress4 }, { ip: ingress6 }))
    const { client, node } = network
    const asked: readonly (readonly [Host, string, number])[] = [
      ...[v4, v6, ingress4, ingress6].flatMap((address) =>
        [client, node].map((host) => [host, address, 80] as const),
      ),
      [client, NODE.v4, 30009],
      [client, NODE.v6, 30009],
    ]
    const answers = (host: Host, address: string, port: number) => {
      const ask = [() => host.tcp(address, port), () => host.sctp(address, port)]
      return Promise.all(
        ask.map(async (one) => namesOf([await one(), await one(), await one(), await one()])),
      )
    }
    for (const [host, address, port] of asked) {
      for (const name of await answers(host, address, port)) {
        expect(name, `${host.name} to ${address}`).to.match(/^[ab]$/)
      }
    }
    // A client moves on with its endpoint, and stays where it is when another one comes.
    for (const [left, name] of [
      [slices([A4], [A6]), 'a'],
      [all, 'a'],
    ] as const) {
      await update(spec, left)
      for (const [host, address, port] of asked) {
        expect(await answers(host, address, port), `${host.name} to ${address}`).to.deep.equal([name, name])
      }
    }
  })
})
