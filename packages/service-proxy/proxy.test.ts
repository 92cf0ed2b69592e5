import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import type { ServiceProxyOptions } from './options.ts'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { createServiceProxy } from './testing/object-proxy.ts'
import { type SliceEndpoint, service, slice } from './testing/objects.ts'
import type { Problem } from './types.ts'

const NODE4 = '192.0.2.11'
const NODE6 = '2001:db8::11'

async function setup(options: Partial<ServiceProxyOptions> = {}, kernel = new FakeProxyKernel()) {
  const clock = new ManualClock()
  const problems: Problem[] = []
  const proxy = createServiceProxy({
    nodeName: 'node',
    nodeAddresses: [NODE4, NODE6],
    podCIDRs: ['10.244.0.0/16'],
    kernel,
    clock,
    random: () => 0.5,
    onProblem: (problem) => problems.push(problem),
    ...options,
  })
  await proxy.start()
  await proxy.synced()
  kernel.messages.length = 0
  return { clock, problems, proxy, kernel }
}

const ready = (address: string): SliceEndpoint => ({ addresses: [address], conditions: { ready: true } })
const unready = (address: string): SliceEndpoint => ({ addresses: [address], conditions: { ready: false } })
const terminating = (address: string, serving = true): SliceEndpoint => ({
  addresses: [address],
  conditions: { ready: false, serving, terminating: true },
})

describe('ServiceProxy', () => {
  it('puts a ClusterIP in place: server, elements, destinations, then the address', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1'] }))
    proxy.upsertSlice(slice('web', ['10.244.1.2', '10.244.2.2']))
    await proxy.flush()
    expect(kernel.messages).to.deep.equal([
      'add-server tcp 10.96.0.1 80',
      'add service-vips-4 10.96.0.1',
      'add service-ports-4 10.96.0.1 . tcp . 80',
      'add service-hairpin-4 10.244.1.2 . 10.244.1.2',
      'add-destination tcp 10.96.0.1 80',
      'add-destination tcp 10.96.0.1 80',
      'add-route 10.96.0.1/32',
    ])
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal(['10.244.1.2:8080', '10.244.2.2:8080'])
  })

  it('masquerades what an endpoint sends to itself before connections reach it (found by rolling updates)', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1'] }))
    proxy.upsertSlice(slice('web', ['10.244.2.2']))
    await proxy.flush()
    kernel.messages.length = 0
    proxy.upsertSlice(slice('web', ['10.244.1.2', '10.244.2.2']))
    await proxy.flush()
    expect(kernel.messages).to.deep.equal([
      'add service-hairpin-4 10.244.1.2 . 10.244.1.2',
      'add-destination tcp 10.96.0.1 80',
    ])
  })

  it('takes it all away in the reverse order', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1'] }))
    proxy.upsertSlice(slice('web', ['10.244.2.2']))
    await proxy.flush()
    kernel.messages.length = 0
    proxy.deleteService('test/web')
    await proxy.flush()
    const removals = kernel.messages.filter((message) => !message.startsWith('add '))
    expect(removals).to.deep.equal([
      'remove-route 10.96.0.1/32',
      'remove-destination tcp 10.96.0.1 80',
      'delete service-vips-4 10.96.0.1',
      'delete service-ports-4 10.96.0.1 . tcp . 80',
      'remove-server tcp 10.96.0.1 80',
    ])
    expect(kernel.table.size).to.equal(0)
  })

  it('sends the same few messages for one endpoint at 10 and at 2,000 Services, and lists nothing', async () => {
    const costs: number[] = []
    for (const count of [10, 2000]) {
      const { proxy, kernel } = await setup()
      for (let index = 0; index < count; index++) {
        const name = `s${index}`
        proxy.upsertService(service(name, { clusterIPs: [`10.96.${index >> 8}.${index & 255}`] }))
        proxy.upsertSlice(slice(name, ['10.244.2.2', '10.244.2.3']))
      }
      while (proxy.oldestPending() !== undefined || (await proxy.flush()).applied > 0) await proxy.flush()
      kernel.messages.length = 0
      kernel.lists = 0
      proxy.upsertSlice(slice('s5', ['10.244.2.2', '10.244.2.4']))
      await proxy.flush()
      expect(kernel.lists).to.equal(0)
      expect(kernel.endpoints('tcp 10.96.0.5 80')).to.deep.equal(['10.244.2.2:8080', '10.244.2.4:8080'])
      costs.push(kernel.messages.length)
    }
    expect(costs).to.deep.equal([2, 2])
  })

  it('serves both families of a dual-stack Service, each from its own slices', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1', 'fd10:96::1'] }))
    proxy.upsertSlice(slice('web', ['10.244.1.2']))
    proxy.upsertSlice(slice('web', ['fd10:244:1::2']))
    await proxy.flush()
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal(['10.244.1.2:8080'])
    expect(kernel.endpoints('tcp fd10:96::1 80')).to.deep.equal(['fd10:244:1::2:8080'])
    expect(kernel.elements('service-ports-6')).to.deep.equal(['fd10:96::1 . tcp . 80'])
  })

  it('keeps TCP and UDP of the same port apart', async () => {
    const { proxy, kernel } = await setup()
    const ports = ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ name: protocol, port: 53, protocol }))
    proxy.upsertService(service('dns', { clusterIPs: ['10.96.0.10'], ports }))
    proxy.upsertSlice(
      slice(
        'dns',
        ['10.244.1.2'],
        [
          { name: 'TCP', port: 5301, protocol: 'TCP' },
          { name: 'UDP', port: 5302, protocol: 'UDP' },
        ],
      ),
    )
    await proxy.flush()
    expect(kernel.endpoints('tcp 10.96.0.10 53')).to.deep.equal(['10.244.1.2:5301'])
    expect(kernel.endpoints('udp 10.96.0.10 53')).to.deep.equal(['10.244.1.2:5302'])
    expect(kernel.endpoints('sctp 10.96.0.10 53'), 'no endpoint: refused').to.deep.equal([])
    expect(kernel.routeTable.size, 'one address').to.equal(1)
  })

  it('puts a NodePort on the primary address of each family of the Service, masqueraded', async () => {
    const { proxy, kernel } = await setup({ nodeAddresses: [NODE4, '192.0.2.99', NODE6] })
    const ports = [{ port: 80, nodePort: 30080 }]
    proxy.upsertService(service('web', { type: 'NodePort', clusterIPs: ['10.96.0.1'], ports }))
    proxy.upsertSlice(slice('web', ['10.244.2.2']))
    await proxy.flush()
    expect([...kernel.table.keys()]).to.have.members(['tcp 10.96.0.1 80', `tcp ${NODE4} 30080`])
    expect(kernel.elements('service-masquerade-4')).to.deep.equal([`${NODE4} . tcp . 30080`])
    expect([...kernel.routeTable.keys()], "the node's address is the kernel's").to.deep.equal([
      '10.96.0.1/32',
    ])
    expect(kernel.elements('service-vips-4'), "the node's other ports stay open").to.deep.equal(['10.96.0.1'])
  })

  it('moves NodePorts and sources when the addresses of the node change', async () => {
    const { proxy, kernel } = await setup()
    const ports = [{ port: 80, nodePort: 30080 }]
    proxy.upsertService(service('web', { type: 'NodePort', clusterIPs: ['10.96.0.1'], ports }))
    await proxy.flush()
    expect(kernel.routeTable.get('10.96.0.1/32')?.source).to.equal(NODE4)
    proxy.setNodeAddresses(['192.0.2.12'])
    await proxy.flush()
    expect([...kernel.table.keys()]).to.have.members(['tcp 10.96.0.1 80', 'tcp 192.0.2.12 30080'])
    expect(kernel.routeTable.get('10.96.0.1/32')?.source).to.equal('192.0.2.12')
  })

  describe('chooses endpoints', () => {
    const cases: [string, SliceEndpoint[], string[]][] = [
      ['that are ready', [ready('10.244.1.2'), unready('10.244.1.3')], ['10.244.1.2:8080']],
      ['whose conditions nobody set', [{ addresses: ['10.244.1.2'] }], ['10.244.1.2:8080']],
      [
        'that terminate only when no other is ready',
        [ready('10.244.1.2'), terminating('10.244.1.3')],
        ['10.244.1.2:8080'],
      ],
      [
        'that still serve while they terminate, when none is ready',
        [unready('10.244.1.2'), terminating('10.244.1.3'), terminating('10.244.1.4', false)],
        ['10.244.1.3:8080'],
      ],
      ['by their first address', [{ addresses: ['10.244.1.2', '10.244.1.9'] }], ['10.244.1.2:8080']],
      [
        'never of the wrong family',
        [{ addresses: ['10.244.1.2'] }, ready('fd10:244::1')],
        ['10.244.1.2:8080'],
      ],
      ['never none', [unready('10.244.1.2')], []],
    ]
    for (const [name, endpoints, expected] of cases) {
      it(name, async () => {
        const { proxy, kernel } = await setup()
        proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1'] }))
        proxy.upsertSlice(slice('web', endpoints))
        await proxy.flush()
        expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal(expected)
      })
    }
  })

  it('merges many slices, each address once, each with the number that its own slice gives the port', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1'], ports: [{ name: 'http', port: 80 }] }))
    proxy.upsertSlice(slice('web', ['10.244.1.2', '10.244.1.3'], [{ name: 'http', port: 8080 }], '-a'))
    proxy.upsertSlice(slice('web', ['10.244.1.3', '10.244.1.4'], [{ name: 'http', port: 8080 }], '-b'))
    proxy.upsertSlice(slice('web', ['10.244.1.3'], [{ name: 'http', port: 9090 }], '-c'))
    proxy.upsertSlice(slice('web', ['10.244.1.5'], [{ name: 'other', port: 1 }, { name: 'http' }], '-d'))
    await proxy.flush()
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal([
      '10.244.1.2:8080',
      '10.244.1.3:8080',
      '10.244.1.3:9090',
      '10.244.1.4:8080',
    ])
    proxy.deleteSlice('test/web-a-4')
    await proxy.flush()
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.have.length(3)
  })

  it('serves no Service that is headless or labelled so, ExternalName, address-less or otherwise proxied, also when a live one becomes that', async () => {
    const changes = [
      service('web', { clusterIP: 'None' }),
      service('web', { type: 'ExternalName', clusterIP: '10.96.0.1' }),
      service('web', { clusterIP: '' }),
      ...['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'].map((label) =>
        service('web', { clusterIP: '10.96.0.1' }, { metadata: { labels: { [label]: 'any' } } }),
      ),
    ]
    const { proxy, kernel } = await setup()
    for (const change of changes) {
      proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
      await proxy.flush()
      expect(kernel.table.size).to.equal(1)
      proxy.upsertService(change)
      await proxy.flush()
      expect([kernel.table.size, kernel.routeTable.size]).to.deep.equal([0, 0])
    }
  })

  it('uses the good parts of a bad Service, reports each bad one once, and serves the others', async () => {
    const { proxy, kernel, problems } = await setup()
    const bad = service('bad', {
      clusterIPs: ['10.96.0.1', '::ffff:10.96.0.1', 'nonsense'],
      ports: [{ port: 80 }, { port: 70_000 }, { port: 81, protocol: 'ICMP' }, { name: 'x', port: 80 }],
    })
    for (let round = 0; round < 2; round++) {
      proxy.upsertService(bad)
      proxy.upsertService(service('good', { clusterIPs: ['10.96.0.2'] }))
      for (const nonsense of [
        null,
        7,
        {},
        { metadata: 1 },
        { metadata: { name: 'x', namespace: 'y' }, spec: 3 },
      ]) {
        proxy.upsertService(nonsense as never)
        proxy.upsertSlice(nonsense as never)
      }
      proxy.upsertSlice(
        slice('good', [{}, { addresses: ['1.2.3'] }, ready('10.244.1.2')], [{ port: 8080 }, { port: -1 }]),
      )
      await proxy.flush()
    }
    expect([...kernel.table.keys()]).to.have.members(['tcp 10.96.0.1 80', 'tcp 10.96.0.2 80'])
    expect(kernel.endpoints('tcp 10.96.0.2 80')).to.deep.equal(['10.244.1.2:8080'])
    expect(problems.map((p) => `${p.code} ${p.object} ${p.detail}`)).to.deep.equal([
      'INVALID_FIELD test/bad spec.ports[1]',
      'INVALID_FIELD test/bad spec.ports[2]',
      'INVALID_FIELD test/bad spec.clusterIPs[1]',
      'INVALID_FIELD test/bad spec.clusterIPs[2]',
      'INVALID_FIELD test/good-4 ports[1]',
      'INVALID_FIELD test/good-4 endpoints[0].addresses[0]',
      'INVALID_FIELD test/good-4 endpoints[1].addresses[0]',
      'CONFLICT test/bad tcp 10.96.0.1 80',
    ])
  })

  it('gives an address and port to the older of two Services, and to the other when that one goes', async () => {
    const { proxy, kernel, problems } = await setup()
    const claim = (name: string, created: string) =>
      service(name, { clusterIPs: ['10.96.0.1'] }, { metadata: { creationTimestamp: created } })
    proxy.upsertService(claim('young', '2026-02-01T00:00:00Z'))
    proxy.upsertSlice(slice('young', ['10.244.1.2']))
    await proxy.flush()
    proxy.upsertService(claim('old', '2026-01-01T00:00:00Z'))
    proxy.upsertSlice(slice('old', ['10.244.1.3']))
    await proxy.flush()
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal(['10.244.1.3:8080'])
    proxy.upsertService(claim('young', '2026-02-01T00:00:00Z'))
    await proxy.flush()
    expect(problems.map(({ code, object }) => `${code} ${object}`)).to.deep.equal(['CONFLICT test/young'])
    proxy.deleteService('test/old')
    await proxy.flush()
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal(['10.244.1.2:8080'])
  })

  it('gives a Service that wants its own endpoints for clients outside nothing of an older one’s address', async () => {
    const { proxy, kernel, problems } = await setup({ externalRanges: ['198.51.100.0/24'] })
    const claim = (name: string, clusterIP: string, year: number, policy: string) =>
      service(
        name,
        { clusterIP, externalIPs: ['198.51.100.7'], externalTrafficPolicy: policy },
        { metadata: { creationTimestamp: `${year}-01-01T00:00:00Z` } },
      )
    proxy.upsertService(claim('old', '10.96.0.1', 2025, 'Cluster'))
    proxy.upsertService(claim('young', '10.96.0.2', 2026, 'Local'))
    for (const name of ['old', 'young']) proxy.upsertSlice(slice(name, ['10.244.1.2']))
    await proxy.flush()
    expect(problems.map(({ code, object }) => `${code} ${object}`)).to.deep.equal(['CONFLICT test/young'])
    expect(kernel.elements('service-marks-4')).to.deep.equal([])
    const marked = () => [...kernel.table.keys()].filter((key) => key.startsWith('mark'))
    expect(marked()).to.deep.equal([])
    proxy.deleteService('test/old')
    await proxy.flush()
    expect(kernel.elements('service-marks-4')).to.have.length(1)
    expect(marked().map((key) => kernel.endpoints(key))).to.deep.equal([['10.244.1.2:8080']])
    proxy.deleteService('test/young')
    await proxy.flush()
    expect([...kernel.table.keys(), ...kernel.elements('service-marks-4')]).to.deep.equal([])
  })

  it('follows a slice that moves to another Service', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(service('a', { clusterIPs: ['10.96.0.1'] }))
    proxy.upsertService(service('b', { clusterIPs: ['10.96.0.2'] }))
    proxy.upsertSlice(slice('a', ['10.244.1.2']))
    await proxy.flush()
    const moved = slice('a', ['10.244.1.2'])
    const labels = { 'kubernetes.io/service-name': 'b' }
    proxy.upsertSlice({ ...moved, metadata: { ...moved.metadata, labels } })
    await proxy.flush()
    expect(kernel.endpoints('tcp 10.96.0.1 80')).to.deep.equal([])
    expect(kernel.endpoints('tcp 10.96.0.2 80')).to.deep.equal(['10.244.1.2:8080'])
  })

  it('flushes by itself, soon after a change, and not much later after one that follows it', async () => {
    const { proxy, kernel, clock } = await setup({ coalesce: 5, interval: 25 })
    await clock.advance(100)
    proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1'] }))
    await clock.advance(4)
    expect(kernel.table.size).to.equal(0)
    await clock.advance(1)
    expect(kernel.table.size).to.equal(1)
    proxy.upsertService(service('more', { clusterIPs: ['10.96.0.2'] }))
    await clock.advance(24)
    expect(kernel.table.size).to.equal(1)
    await clock.advance(1)
    expect(kernel.table.size).to.equal(2)
  })

  it('takes in what it is told while it flushes', async () => {
    const { proxy, kernel, clock } = await setup()
    await clock.advance(100)
    const { apply } = kernel.ipvs
    kernel.ipvs.apply = async (ops) => {
      kernel.ipvs.apply = apply
      const outcomes = await apply(ops)
      proxy.upsertService(service('late', { clusterIPs: ['10.96.0.2'] }))
      return outcomes
    }
    proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1'] }))
    await clock.advance(100)
    expect([...kernel.table.keys()]).to.deep.equal(['tcp 10.96.0.1 80', 'tcp 10.96.0.2 80'])
  })

  it('puts back a VIP that somebody removed', async () => {
    const { proxy, kernel, clock } = await setup()
    proxy.upsertService(service('web', { clusterIPs: ['10.96.0.1'] }))
    await proxy.flush()
    kernel.removeRoute('10.96.0.1/32')
    await clock.advance(1000)
    expect([...kernel.routeTable.keys()]).to.deep.equal(['10.96.0.1/32'])
    expect(proxy.stats().vips).to.deep.include({ repaired: 1, failed: 0 })
  })

  it('says what to do where the kernel has no IPVS, and starts once it has', async () => {
    const kernel = new FakeProxyKernel()
    kernel.hasIpvs = false
    const proxy = createServiceProxy({ nodeName: 'node', nodeAddresses: [NODE4], kernel })
    const error = await proxy.start().catch((reason: Error) => reason)
    expect(error).to.include({ code: 'NO_IPVS' })
    expect((error as Error).message)
      .to.include('modprobe ip_vs')
      .and.include('not for this kernel')
    kernel.hasIpvs = true
    await proxy.start()
    await proxy.close()
  })

  it('shows what it does for each Service', async () => {
    const { proxy } = await setup()
    proxy.upsertService(service('web', { clusterIPs: ['fd10:96::1'] }))
    proxy.upsertSlice(slice('web', ['fd10:244:1::2']))
    await proxy.flush()
    expect(proxy.snapshot()).to.deep.equal([
      {
        service: 'test/web',
        state: 'in-place',
        seconds: 0,
        reasons: [],
        frontends: [
          {
            origin: 'cluster-ip',
            clients: 'all',
            port: '',
            protocol: 'tcp',
            address: 'fd10:96::1',
            number: 80,
            scheduler: 'rr',
            endpoints: ['[fd10:244:1::2]:8080'],
            masqueraded: 'no-pods',
          },
        ],
      },
    ])
  })
})
