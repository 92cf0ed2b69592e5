import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { createServiceProxy } from './testing/object-proxy.ts'
import { service, slice } from './testing/objects.ts'

const VIP = 'tcp 10.96.0.9 80'
const [POD, OTHER_NODE, ROUTER, OWN] = ['10.244.2.7', '192.0.2.12', '192.0.2.1', '192.0.2.11']
const bgp = (...addresses: string[]) => slice('web', addresses, [{ port: 179, protocol: 'TCP' }])

describe('endpoints that are the BGP port of a node or a router (row D)', () => {
  async function setup() {
    const kernel = new FakeProxyKernel()
    const problems: string[] = []
    const proxy = createServiceProxy({
      ...{ nodeName: 'node', nodeAddresses: [OWN], kernel, clock: new ManualClock(), random: () => 0.5 },
      podCIDRs: ['10.244.2.0/24'],
      onProblem: ({ code, object, detail }) => problems.push(`${code} ${object} ${detail}`),
    })
    await proxy.start()
    proxy.upsertService(service('web', { clusterIP: '10.96.0.9' }))
    const endpoints = async () => {
      await proxy.flush()
      return kernel.endpoints(VIP)
    }
    return { proxy, problems, endpoints }
  }

  it('take no traffic, and their Service says so; pods at that port do', async () => {
    const { proxy, problems, endpoints } = await setup()
    proxy.setBgpPorts(179)
    proxy.setClusterAddresses([OTHER_NODE])
    proxy.setReservedAddresses('bgp-peer', [ROUTER])
    proxy.upsertSlice(bgp(OTHER_NODE, ROUTER, OWN, POD, '198.51.100.7'))
    await proxy.synced()
    expect(await endpoints()).to.deep.equal([POD, '198.51.100.7'].map((a) => `${a}:179`))
    expect(problems).to.deep.equal([
      `ADDRESS_REFUSED test/web endpoint ${OTHER_NODE} port 179: the BGP port of a node, and 2 more endpoints`,
    ])
  })

  it('are those of other ports, and all while no node speaks BGP', async () => {
    const { proxy, problems, endpoints } = await setup()
    proxy.setClusterAddresses([OTHER_NODE])
    proxy.upsertSlice(bgp(OTHER_NODE))
    await proxy.synced()
    expect(await endpoints()).to.deep.equal([`${OTHER_NODE}:179`])
    proxy.setBgpPorts(1179)
    expect(await endpoints()).to.deep.equal([`${OTHER_NODE}:179`])
    proxy.setBgpPorts(179)
    expect(await endpoints()).to.deep.equal([])
    expect(problems).to.have.length(1)
    proxy.setBgpPorts()
    expect(await endpoints()).to.deep.equal([`${OTHER_NODE}:179`])
  })

  it('are judged again when Nodes come and go; a pod that a Node claims to be stays an endpoint', async () => {
    const { proxy, endpoints } = await setup()
    proxy.setBgpPorts(179)
    proxy.upsertSlice(bgp(OTHER_NODE, POD))
    await proxy.synced()
    expect(await endpoints()).to.deep.equal([`${POD}:179`, `${OTHER_NODE}:179`])
    proxy.setClusterAddresses([OTHER_NODE, POD])
    expect(await endpoints()).to.deep.equal([`${POD}:179`])
    proxy.setClusterAddresses([])
    expect(await endpoints()).to.deep.equal([`${POD}:179`, `${OTHER_NODE}:179`])
  })

  it('are the same whatever the order of events', async () => {
    const seed = testSeed()
    const random = seeded(seed)
    for (let round = 0; round < 20; round++) {
      const { proxy, endpoints } = await setup()
      const events = [
        () => proxy.setBgpPorts(179),
        () => proxy.setClusterAddresses([OTHER_NODE]),
        () => proxy.setReservedAddresses('bgp-peer', [ROUTER]),
        () => proxy.upsertSlice(bgp(OTHER_NODE, ROUTER, POD)),
        () => void proxy.synced(),
      ]
      while (events.length > 0) {
        events.splice(Math.floor(random() * events.length), 1)[0]!()
        if (random() < 0.5) await proxy.flush()
      }
      expect(await endpoints(), `seed ${seed}, round ${round}`).to.deep.equal([`${POD}:179`])
    }
  })
})
