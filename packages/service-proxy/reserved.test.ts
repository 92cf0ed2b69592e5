import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import type { ServiceProxyOptions } from './options.ts'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { createServiceProxy } from './testing/object-proxy.ts'
import { service, slice } from './testing/objects.ts'

const API = '192.0.2.2'
const API6 = '2001:db8::2'
const KUBERNETES = '10.96.0.1'

async function setup(options: Partial<ServiceProxyOptions> = {}, kernel = new FakeProxyKernel()) {
  const clock = new ManualClock()
  const problems: string[] = []
  const proxy = createServiceProxy({
    nodeName: 'node',
    nodeAddresses: ['192.0.2.11', '2001:db8::11'],
    kernel,
    clock,
    random: () => 0.5,
    onProblem: ({ code, object, detail }) => problems.push(`${code} ${object} ${detail}`),
    ...options,
  })
  await proxy.start()
  return { clock, kernel, problems, proxy, routes: () => [...kernel.routeTable.keys()] }
}

/** Its status asks for `ips`, as anybody may who may patch `services/status`. */
function greedy(...ips: string[]): ServiceObject {
  const status = { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } }
  return service('greedy', { type: 'LoadBalancer', clusterIPs: ['10.96.0.9', 'fd10:96::9'] }, { status })
}
const OWN = ['10.96.0.9/32', 'fd10:96::9/128']

describe('reserved addresses', () => {
  it('are no VIPs of load balancers, of either family, and who asks for one is told', async () => {
    const { kernel, problems, proxy, routes } = await setup()
    proxy.setReservedAddresses('api-server', [API, API6])
    proxy.setReservedAddresses('gateway', ['192.0.2.1'])
    proxy.upsertService(greedy(API, API6, '192.0.2.1', '198.51.100.7'))
    await proxy.synced()
    expect(routes()).to.have.members([...OWN, '198.51.100.7/32'])
    expect([...kernel.table.keys()]).to.have.length(3)
    expect(problems).to.deep.equal([
      `ADDRESS_REFUSED test/greedy ${API}: the address of the API server`,
      `ADDRESS_REFUSED test/greedy ${API6}: the address of the API server`,
      'ADDRESS_REFUSED test/greedy 192.0.2.1: the address of a gateway of this node',
    ])
  })

  it('are no externalIPs, whatever ranges are configured, and though the node has them itself', async () => {
    const { proxy, routes, problems } = await setup({ externalRanges: ['192.0.2.0/24'] })
    proxy.setReservedAddresses('bgp-peer', ['192.0.2.1'])
    proxy.setReservedAddresses('api-server', ['192.0.2.11'])
    const externalIPs = ['192.0.2.1', '192.0.2.11', '192.0.2.99']
    proxy.upsertService(service('web', { clusterIP: '10.96.0.9', externalIPs }))
    await proxy.synced()
    expect(routes()).to.have.members(['10.96.0.9/32', '192.0.2.99/32'])
    expect(problems).to.have.length(2)
  })

  it('are judged again when they come and when they go', async () => {
    const { kernel, proxy, routes } = await setup()
    proxy.upsertService(greedy(API))
    await proxy.synced()
    expect(routes()).to.have.members([...OWN, `${API}/32`])
    proxy.setReservedAddresses('api-server', [API])
    await proxy.flush()
    expect(routes()).to.have.members(OWN)
    expect(kernel.table.has(`tcp ${API} 80`)).to.equal(false)
    expect(kernel.elements('service-vips-4')).to.deep.equal(['10.96.0.9'])
    expect(proxy.problems()).to.have.length(1)
    proxy.setReservedAddresses('api-server', [])
    await proxy.flush()
    expect(routes()).to.have.members([...OWN, `${API}/32`])
    expect(proxy.problems()).to.deep.equal([])
  })

  it('stay reserved for as long as one of several holders has them', async () => {
    const { proxy, routes } = await setup()
    proxy.upsertService(greedy(API))
    proxy.setReservedAddresses('api-server', [API])
    proxy.setReservedAddresses('gateway', [API])
    await proxy.synced()
    proxy.setReservedAddresses('api-server', [])
    await proxy.flush()
    expect(routes()).to.have.members(OWN)
    proxy.setReservedAddresses('gateway', [])
    await proxy.flush()
    expect(routes()).to.include(`${API}/32`)
  })

  it('of the API server in use, and of the resolver, may be ClusterIPs; those that the node’s files name may not', async () => {
    const { proxy, routes } = await setup()
    proxy.setReservedAddresses('api-server', [KUBERNETES])
    proxy.setReservedAddresses('resolver', ['10.96.0.10'])
    proxy.setReservedAddresses('configured-api-server', [API])
    proxy.upsertService(service('kubernetes', { clusterIP: KUBERNETES }))
    proxy.upsertService(service('dns', { clusterIP: '10.96.0.10' }))
    proxy.upsertService(service('odd', { clusterIP: API }))
    await proxy.synced()
    expect(routes()).to.have.members([`${KUBERNETES}/32`, '10.96.0.10/32'])
  })

  describe('that an earlier run gave to a Service', () => {
    async function taken() {
      const { kernel, proxy } = await setup()
      proxy.upsertService(service('kubernetes', { clusterIP: KUBERNETES }))
      proxy.upsertService(greedy(API, API6))
      for (const name of ['kubernetes', 'greedy']) proxy.upsertSlice(slice(name, ['10.244.1.2']))
      await proxy.synced()
      await proxy.close()
      expect(kernel.routeTable.has(`${API}/32`)).to.equal(true)
      kernel.messages.length = 0
      return kernel
    }

    it('are free before the first sync, which may need whom they belong to', async () => {
      for (const when of ['before', 'after'] as const) {
        const kernel = await taken()
        const proxy = createServiceProxy({ nodeName: 'node', nodeAddresses: [], kernel })
        const reserve = () => {
          proxy.setReservedAddresses('configured-api-server', [API, API6])
          proxy.setReservedAddresses('api-server', [KUBERNETES])
        }
        if (when === 'before') reserve()
        await proxy.start()
        if (when === 'after') reserve()
        await new Promise(setImmediate)
        await proxy.flush()
        expect([...kernel.routeTable.keys()], when).to.have.members([...OWN, `${KUBERNETES}/32`])
        expect([...kernel.table.keys()], when).to.have.members([
          `tcp ${KUBERNETES} 80`,
          'tcp 10.96.0.9 80',
          'tcp fd10:96::9 80',
        ])
        expect(kernel.endpoints(`tcp ${KUBERNETES} 80`), when).to.deep.equal(['10.244.1.2:8080'])
        for (const [set, elements] of kernel.sets)
          for (const element of elements)
            expect(element, set).to.not.match(/^(192\.0\.2\.2|2001:db8::2)( |$)/)
        await proxy.close()
      }
    })
  })
})

describe('an address that two Services ask for', () => {
  const created = (name: string, year: number, object: ServiceObject): ServiceObject => ({
    ...object,
    metadata: { ...object.metadata, name, creationTimestamp: `${year}-01-01T00:00:00Z` },
  })
  const older = created('greedy', 2020, greedy('10.96.0.1'))
  const younger = created('web', 2025, service('web', { clusterIP: '10.96.0.1' }))

  it('is that of the one whose ClusterIP it is, however old the other one', async () => {
    const { kernel, proxy } = await setup()
    proxy.upsertService(older)
    proxy.upsertSlice(slice('greedy', ['10.244.1.66']))
    await proxy.synced()
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal(['10.244.1.66:8080'])
    proxy.upsertService(younger)
    proxy.upsertSlice(slice('web', ['10.244.1.2']))
    await proxy.flush()
    await proxy.flush()
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal(['10.244.1.2:8080'])
    expect(proxy.problems().map(({ code, object }) => [code, object])).to.deep.equal([
      ['CONFLICT', 'test/greedy'],
    ])
    proxy.deleteService('test/web')
    await proxy.flush()
    await proxy.flush()
    expect(proxy.problems()).to.deep.equal([])
  })
})
