import { readSockets } from '@podroute/kernel/sockets.ts'
import type { Flow } from '@podroute/linux/conntrack.ts'
import { AuditLoop } from '@podroute/reconcile/audit-loop.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import type { ServiceProxyOptions } from './options.ts'
import { FakeProxyKernel } from './testing/fake-proxy-kernel.ts'
import { createServiceProxy, type ObjectProxy } from './testing/object-proxy.ts'
import { service, slice } from './testing/objects.ts'

const WEB = 'tcp 10.96.0.1 80'
const A = '10.244.1.2'
const B = '10.244.2.2'

async function setup(options: Partial<ServiceProxyOptions> = {}, kernel = new FakeProxyKernel()) {
  const clock = new ManualClock()
  const problems: string[] = []
  const proxy = createServiceProxy({
    nodeName: 'node',
    nodeAddresses: ['192.0.2.11'],
    kernel,
    clock,
    random: () => 0.5,
    onProblem: ({ code, object, detail }) => problems.push(`${code} ${object} ${detail}`),
    ...options,
  })
  await proxy.start()
  return { clock, problems, proxy, kernel }
}

function balanced(name: string, clusterIP: string, ip: string) {
  const status = { loadBalancer: { ingress: [{ ip }] } }
  return service(name, { type: 'LoadBalancer', clusterIP }, { status })
}

async function serving(...endpoints: string[]) {
  const all = await setup()
  await all.proxy.synced()
  all.proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
  all.proxy.upsertSlice(slice('web', endpoints))
  await all.proxy.flush()
  return all
}

describe('session affinity shorter than TIME_WAIT', () => {
  const NAME = 'affinity-tcp-10.96.0.1-80'
  const sticky = (seconds: number) =>
    service('web', {
      clusterIP: '10.96.0.1',
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } },
    })

  async function withAffinity(kernel = new FakeProxyKernel()) {
    const all = await setup({}, kernel)
    all.proxy.upsertService(sticky(30))
    all.proxy.upsertSlice(slice('web', [A, B]))
    await all.proxy.synced()
    return { ...all, scripts: () => kernel.scripts.splice(0).join('') }
  }

  it('gets a map of its own, which goes when IPVS can keep it, or the Service goes', async () => {
    const { proxy, kernel, scripts } = await withAffinity()
    expect(kernel.table.get(WEB)?.server).to.include({ timeout: 0 })
    expect(scripts()).to.match(new RegExp(`add map inet podroute-service-proxy ${NAME} .* timeout 30s;`))
    proxy.upsertService(sticky(600))
    await proxy.flush()
    expect(scripts()).to.include(`delete map inet podroute-service-proxy ${NAME}\n`)
    expect(kernel.table.get(WEB)?.server).to.include({ timeout: 600 })
    proxy.upsertService(sticky(40))
    await proxy.flush()
    expect(scripts()).to.match(new RegExp(`add map inet podroute-service-proxy ${NAME} .* timeout 40s;`))
    proxy.deleteService('test/web')
    await proxy.flush()
    expect(scripts()).to.include(`delete map inet podroute-service-proxy ${NAME}\n`)
    expect(proxy.stats()['short-affinities']).to.include({ desired: 0, applied: 0 })
    expect(kernel.elements('service-affinity-4')).to.deep.equal([])
  })

  it('costs two elements for an endpoint, and lists nothing', async () => {
    const { proxy, kernel } = await withAffinity()
    Object.assign(kernel, { lists: 0 })
    kernel.messages.length = 0
    proxy.upsertSlice(slice('web', [A, B, '10.244.2.3']))
    await proxy.flush()
    expect(kernel.messages.map((message) => message.split(' ').slice(0, 2).join(' '))).to.deep.equal([
      'add service-affinity-numbers-4',
      'add service-affinity-endpoints-4',
      'add-destination tcp',
    ])
    expect(kernel.lists).to.equal(0)
  })

  it('numbers endpoints anew with another traffic policy, at once', async () => {
    const { proxy, kernel } = await withAffinity()
    const numbers = () => kernel.elements('service-affinity-numbers-4').map((element) => element.split(' : '))
    const before = numbers()
    const object = sticky(30)
    proxy.upsertService({ ...object, spec: { ...object.spec, externalTrafficPolicy: 'Local' } })
    expect(await proxy.flush()).to.include({ failed: 0 })
    expect(numbers().map(([key]) => key)).to.deep.equal(before.map(([key]) => key))
    expect(numbers().map(([, number]) => number)).to.not.include.members([before[0]![1]])
    expect(kernel.elements('service-affinity-endpoints-4')).to.have.length(2)
  })

  it('no longer leads to an endpoint that drains', async () => {
    const { proxy, kernel } = await withAffinity()
    kernel.connections.set(`${A}:8080`, 2)
    proxy.upsertSlice(slice('web', [B]))
    await proxy.flush()
    expect(kernel.draining(WEB)).to.deep.equal([`${A}:8080`])
    const known = [
      ...kernel.elements('service-affinity-numbers-4'),
      ...kernel.elements('service-affinity-endpoints-4'),
    ]
    expect(known).to.have.length(2)
    expect(known.join()).to.include(B).and.not.include(A)
  })

  it('is taken over by the next run without a write', async () => {
    const { kernel, proxy, scripts } = await withAffinity()
    await proxy.close()
    scripts()
    await withAffinity(kernel)
    expect(kernel.scripts).to.deep.equal([])
  })
})

describe('a drain', () => {
  it('takes no new connections, and ends with the last one', async () => {
    const { proxy, kernel, clock } = await serving(A, B)
    kernel.connections.set(`${A}:8080`, 2)
    proxy.upsertSlice(slice('web', [B]))
    await proxy.flush()
    expect([kernel.endpoints(WEB), kernel.draining(WEB)]).to.deep.equal([[`${B}:8080`], [`${A}:8080`]])
    await clock.advance(9000)
    expect(kernel.draining(WEB)).to.deep.equal([`${A}:8080`])
    kernel.connections.clear()
    await clock.advance(1100)
    expect(kernel.draining(WEB)).to.deep.equal([])
  })

  it('ends at its deadline, whatever goes on', async () => {
    const { proxy, kernel, clock } = await serving(A, B)
    kernel.connections.set(`${A}:8080`, 2)
    proxy.upsertSlice(slice('web', [B]))
    await clock.advance(29_000)
    expect(kernel.draining(WEB)).to.deep.equal([`${A}:8080`])
    await clock.advance(2500)
    expect(kernel.draining(WEB)).to.deep.equal([])
    expect(kernel.endpoints(WEB)).to.deep.equal([`${B}:8080`])
  })

  it('asks the kernel for a small share of the time only, however many there are, and none for ever', async () => {
    const timers = new ManualClock()
    let asked = 0
    // Each question takes a millisecond.
    const clock = {
      now: () => timers.now() + asked,
      after: (ms: number, action: () => void) => timers.after(ms, action),
    }
    const { proxy, kernel } = await setup({ clock, auditPause: 3_600_000 })
    await proxy.synced()
    const names = Array.from({ length: 200 }, (_, index) => `s${index}`)
    for (const [index, name] of names.entries())
      proxy.upsertService(service(name, { clusterIP: `10.96.1.${index}` }))
    for (const name of names) proxy.upsertSlice(slice(name, [A, B]))
    await proxy.flush()
    kernel.connections.set(`${A}:8080`, 1)
    for (const name of names) proxy.upsertSlice(slice(name, [B]))
    await proxy.flush()
    const { destinations } = kernel.ipvs
    kernel.ipvs.destinations = (server) => {
      asked++
      return destinations(server)
    }
    await timers.advance(5500)
    expect(asked).to.equal(5 * 25)
    await timers.advance(30_000)
    expect([...kernel.table.keys()].filter((key) => kernel.draining(key).length > 0)).to.deep.equal([])
  })

  it('is over when the endpoint comes back', async () => {
    const { proxy, kernel, clock } = await serving(A, B)
    kernel.connections.set(`${A}:8080`, 2)
    proxy.upsertSlice(slice('web', [B]))
    await clock.advance(9000)
    proxy.upsertSlice(slice('web', [A, B]))
    await clock.advance(60_000)
    expect([kernel.endpoints(WEB), kernel.draining(WEB)]).to.deep.equal([[`${A}:8080`, `${B}:8080`], []])
  })

  it('lasts as long as the annotation says', async () => {
    const { proxy, kernel, clock } = await serving(A, B)
    kernel.connections.set(`${A}:8080`, 2).set(`${B}:8080`, 2)
    const annotate = (seconds: string) =>
      service(
        'web',
        { clusterIP: '10.96.0.1' },
        { metadata: { annotations: { 'podroute.io/service.drain-seconds': seconds } } },
      )
    proxy.upsertService(annotate('5'))
    proxy.upsertSlice(slice('web', [B]))
    await clock.advance(4000)
    expect(kernel.draining(WEB)).to.have.length(1)
    await clock.advance(2500)
    expect(kernel.draining(WEB)).to.have.length(0)
    proxy.upsertService(annotate('0'))
    proxy.upsertSlice(slice('web', [A]))
    await proxy.flush()
    expect(kernel.draining(WEB), 'none at all').to.have.length(0)
  })

  it('lets the connections of a Service that is deleted end, and no new ones in', async () => {
    const { proxy, kernel, clock } = await serving(A, B)
    kernel.connections.set(`${A}:8080`, 2)
    proxy.deleteService('test/web')
    await proxy.flush()
    expect([kernel.endpoints(WEB), kernel.draining(WEB)]).to.deep.equal([[], [`${A}:8080`, `${B}:8080`]])
    expect(kernel.elements('service-refused-4')).to.have.length(1)
    expect([...kernel.routeTable.keys()]).to.deep.equal(['10.96.0.1/32'])
    expect(proxy.snapshot()).to.deep.equal([])
    await clock.advance(3000)
    expect(kernel.draining(WEB)).to.deep.equal([`${A}:8080`])
    kernel.connections.clear()
    await clock.advance(1500)
    expect([kernel.table.size, kernel.routeTable.size]).to.deep.equal([0, 0])
    expect(kernel.elements('service-refused-4')).to.deep.equal([])
  })

  it('of a Service that is deleted ends at its deadline, or when the Service is back', async () => {
    const { proxy, kernel, clock } = await serving(A)
    kernel.connections.set(`${A}:8080`, 2)
    proxy.deleteService('test/web')
    await clock.advance(9000)
    expect(kernel.draining(WEB)).to.deep.equal([`${A}:8080`])
    proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
    await clock.advance(100)
    expect([kernel.endpoints(WEB), kernel.draining(WEB)]).to.deep.equal([[`${A}:8080`], []])
    expect(kernel.elements('service-refused-4')).to.deep.equal([])
    await clock.advance(60_000)
    proxy.deleteService('test/web')
    await clock.advance(28_000)
    expect(kernel.draining(WEB)).to.deep.equal([`${A}:8080`])
    await clock.advance(4000)
    expect(kernel.table.size).to.equal(0)
  })

  it('of a Service that is deleted keeps no address from another one', async () => {
    const { proxy, kernel, clock } = await serving(A)
    kernel.connections.set(`${A}:8080`, 2)
    proxy.deleteService('test/web')
    await proxy.flush()
    const young = { metadata: { creationTimestamp: '2030-01-01T00:00:00Z' } }
    proxy.upsertService(service('next', { clusterIP: '10.96.0.1' }, young))
    proxy.upsertSlice(slice('next', [B]))
    await proxy.flush()
    expect([kernel.endpoints(WEB), kernel.draining(WEB)]).to.deep.equal([[`${B}:8080`], [`${A}:8080`]])
    expect(proxy.problems()).to.deep.equal([])
    await clock.advance(35_000)
    expect([kernel.endpoints(WEB), kernel.draining(WEB)]).to.deep.equal([[`${B}:8080`], []])
    proxy.deleteService('test/next')
    await proxy.flush()
    expect(kernel.table.size).to.equal(0)
  })

  it('does not outlive its Service, and UDP has none', async () => {
    const { proxy, kernel, clock } = await serving(A, B)
    proxy.upsertSlice(slice('web', [B]))
    await proxy.flush()
    proxy.deleteService('test/web')
    await proxy.flush()
    expect(kernel.table.size).to.equal(0)
    const ports = [{ port: 80, protocol: 'UDP' }]
    proxy.upsertService(service('dns', { clusterIP: '10.96.0.2', ports }))
    proxy.upsertSlice(slice('dns', [A, B], ports))
    await proxy.flush()
    proxy.upsertSlice(slice('dns', [B], ports))
    await proxy.flush()
    expect([kernel.endpoints('udp 10.96.0.2 80'), kernel.draining('udp 10.96.0.2 80')]).to.deep.equal([
      [`${B}:80`],
      [],
    ])
    await clock.advance(3000)
    expect(proxy.stats().destinations?.failed).to.equal(0)
  })

  it('of before a restart goes on; a destination that is wanted again gets its weight back', async () => {
    const { proxy, kernel } = await serving(A, B, '10.244.2.3')
    kernel.connections.set(`${A}:8080`, 1).set('10.244.2.3:8080', 1)
    proxy.upsertSlice(slice('web', [B, '10.244.2.3']))
    await proxy.flush()
    await proxy.close()
    const next = await setup({}, kernel)
    next.proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
    next.proxy.upsertSlice(slice('web', [A, B]))
    await next.proxy.synced()
    expect([kernel.endpoints(WEB), kernel.draining(WEB)]).to.deep.equal([
      [`${A}:8080`, `${B}:8080`],
      ['10.244.2.3:8080'],
    ])
    await next.clock.advance(32_000)
    expect(kernel.draining(WEB)).to.deep.equal([])
  })
})

describe('settings', () => {
  const RATES = 'net.ipv4.vs.run_estimation'
  async function settingsOf(missing: readonly string[]) {
    const kernel = new FakeProxyKernel()
    for (const name of missing) kernel.sysctls.put(name, undefined)
    const { proxy } = await setup({}, kernel)
    expect(proxy.stats().sysctls).to.include({ failed: 0, pending: 0 })
    return kernel.sysctls
  }

  it('keep IPVS from estimating rates, where the kernel can be told', async () => {
    expect((await settingsOf([])).read(RATES)).to.equal('0')
    expect((await settingsOf([RATES])).read(RATES)).to.equal(undefined)
  })
})

describe('what somebody else does to the kernel', () => {
  it('is undone at once, though its announcements were lost', async () => {
    const { kernel, clock } = await serving(A)
    const state = () => [[...kernel.routeTable.keys()], kernel.elements('service-ports-4')]
    const rules = () =>
      kernel.nft.tables.get('inet podroute-service-proxy')!.chains.get('service-filter')!.rules
    const before = [...state(), [...rules()]]
    await kernel.changes.overrun(async () => {
      kernel.removeRoute('10.96.0.1/32')
      await kernel.nft.run(
        'delete element inet podroute-service-proxy service-ports-4 { 10.96.0.1 . tcp . 80 }\n' +
          'flush chain inet podroute-service-proxy service-filter\n',
      )
    })
    expect([...state(), rules()]).to.not.deep.equal(before)
    await clock.advance(100)
    await clock.advance(100)
    expect([...state(), rules()]).to.deep.equal(before)
  })

  it('is found and undone within ten seconds, and counted', async () => {
    const { proxy, kernel, clock } = await serving(A, B)
    await clock.advance(10)
    const { server, destinations } = kernel.table.get(WEB)!
    destinations.clear()
    kernel.sets.get('service-ports-4')!.clear()
    kernel.sysctls.put('net.ipv4.vs.conntrack', '0')
    await clock.advance(10_000)
    expect(kernel.endpoints(WEB)).to.deep.equal([`${A}:8080`, `${B}:8080`])
    expect(kernel.elements('service-ports-4')).to.have.length(1)
    expect(kernel.sysctls.read('net.ipv4.vs.conntrack')).to.equal('1')
    kernel.table.delete(WEB)
    await clock.advance(10_000)
    expect(kernel.table.get(WEB)?.server).to.deep.equal(server)
    expect(kernel.endpoints(WEB)).to.have.length(2)
    expect(proxy.stats().destinations?.repaired).to.equal(4)
  })

  it('lists only what has no revision while nothing changes', async () => {
    const { kernel, clock, proxy } = await serving(A, B)
    await clock.advance(9000)
    const listed = async () => {
      const before = kernel.lists
      await clock.advance(9000)
      return kernel.lists - before
    }
    // Routes.
    expect(await listed()).to.equal(1)
    kernel.connections.set(`${A}:8080`, 7)
    expect(await listed(), 'connections are no change').to.equal(1)
    kernel.table.get(WEB)!.destinations.clear()
    expect(await listed()).to.be.above(1)
    await proxy.flush()
    expect(kernel.endpoints(WEB)).to.have.length(2)
    kernel.sets.get('service-ports-4')!.clear()
    expect(await listed()).to.be.above(1)
    await proxy.flush()
    expect(kernel.elements('service-ports-4')).to.have.length(1)
    await proxy.close()
  })

  it('lists all the same from time to time', async () => {
    const { kernel, clock, proxy } = await serving(A, B)
    const quick = kernel.ipvs.tableRevision
    kernel.ipvs.tableRevision = async () => 'never anything new'
    await clock.advance(10_000)
    kernel.table.get(WEB)!.destinations.clear()
    await clock.advance(10_000)
    expect(kernel.endpoints(WEB)).to.have.length(0)
    await clock.advance(360_000)
    expect(kernel.endpoints(WEB)).to.have.length(2)
    kernel.ipvs.tableRevision = quick
    await proxy.close()
  })

  it('costs no more than an eighth of the time', async () => {
    const clock = new ManualClock()
    let looks = 0
    const auditLoop = new AuditLoop({
      clock,
      pause: 100,
      audit: () => {
        looks++
        return new Promise((resolve) => clock.after(50, () => resolve(undefined)))
      },
      failed() {},
    })
    auditLoop.start()
    await clock.advance(100)
    await clock.advance(50)
    await clock.advance(399)
    expect(looks).to.equal(1)
    await clock.advance(2)
    expect(looks).to.equal(2)
    auditLoop[Symbol.dispose]()
  })
})

describe('UDP flows', () => {
  const ports = [{ port: 53, protocol: 'UDP' }]
  const flow = (destination: string, endpoint: string): Flow => ({
    family: 4,
    protocol: 'udp',
    original: { source: '10.244.1.9', sourcePort: 4000, destination, destinationPort: 53 },
    reply: { source: endpoint, sourcePort: 53, destination: '10.244.1.9', destinationPort: 4000 },
    identity: { original: new Uint8Array() },
  })
  async function dns(count: number) {
    const all = await setup()
    await all.proxy.synced()
    for (let index = 1; index <= count; index++) {
      all.proxy.upsertService(service(`dns${index}`, { clusterIP: `10.96.0.${index}`, ports }))
      all.proxy.upsertSlice(slice(`dns${index}`, [A, B], ports))
    }
    await all.proxy.flush()
    all.kernel.messages.length = 0
    return all
  }

  for (const count of [1, 6]) {
    it(`to endpoints of ${count} Services that are gone are forgotten, the others not`, async () => {
      const { proxy, kernel } = await dns(count)
      kernel.udpFlows.push(flow('10.96.0.1', A), flow('10.96.0.1', B), flow('192.0.2.53', A))
      for (let index = 1; index <= count; index++) proxy.upsertSlice(slice(`dns${index}`, [B], ports))
      await proxy.flush()
      await new Promise((resolve) => setImmediate(resolve))
      expect(kernel.udpFlows).to.deep.equal([flow('10.96.0.1', B), flow('192.0.2.53', A)])
      const looks = kernel.messages.filter((message) => message.startsWith('look'))
      expect(looks, 'many at once are one look').to.have.length(1)
      expect(kernel.messages.at(-1), 'after the kernel knows').to.equal(looks[0])
    })
  }

  for (const [what, go] of [
    ['has no endpoint left', (proxy: ObjectProxy) => proxy.upsertSlice(slice('dns1', [], ports))],
    ['is gone', (proxy: ObjectProxy) => proxy.deleteService('test/dns1')],
  ] as const) {
    for (const count of [1, 6]) {
      it(`of a Service that ${what} are forgotten, those of ${count - 1} others not`, async () => {
        const { proxy, kernel } = await dns(count)
        kernel.udpFlows.push(flow('10.96.0.1', A), flow('10.96.0.2', A), flow('192.0.2.53', A))
        // Many at once are looked for in another way.
        for (let index = 2; index <= count; index++)
          proxy.upsertSlice(slice(`dns${index}`, [A, '10.244.2.9'], ports))
        go(proxy)
        await proxy.flush()
        await new Promise((resolve) => setImmediate(resolve))
        expect(kernel.udpFlows).to.deep.equal([flow('10.96.0.2', A), flow('192.0.2.53', A)])
      })
    }
  }

  it('are left alone when one more endpoint comes, and for TCP', async () => {
    const { proxy, kernel } = await dns(1)
    proxy.upsertSlice(slice('dns1', [A, B, '10.244.2.3'], ports))
    await proxy.flush()
    proxy.upsertService(service('web', { clusterIP: '10.96.0.9' }))
    proxy.upsertSlice(slice('web', [A]))
    await proxy.flush()
    proxy.upsertSlice(slice('web', [B]))
    await proxy.flush()
    expect(kernel.messages.filter((message) => message.startsWith('look'))).to.deep.equal([])
  })
})

describe('health-check node ports', () => {
  const balanced = (name: string, healthCheckNodePort: number) =>
    service(name, {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.1',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort,
    })

  it('say how many endpoints this node has', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(balanced('web', 32000))
    proxy.upsertSlice(slice('web', [A, B]))
    await proxy.synced()
    const ask = () => kernel.health.get(32000)!()
    expect(ask().status).to.equal(200)
    expect(ask().headers).to.include({ 'x-content-type-options': 'nosniff' })
    expect(JSON.parse(ask().body)).to.deep.equal({
      service: { namespace: 'test', name: 'web' },
      localEndpoints: 1,
      serviceProxyHealthy: true,
    })
    proxy.upsertSlice(slice('web', [B]))
    await proxy.flush()
    expect(ask().status).to.equal(503)
  })

  it('follow the Service, and go with it or with the proxy', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(balanced('web', 32000))
    await proxy.synced()
    proxy.upsertService(balanced('web', 32001))
    await proxy.flush()
    expect([...kernel.health.keys()]).to.deep.equal([32001])
    proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
    proxy.upsertService(balanced('other', 32001))
    await proxy.flush()
    expect(JSON.parse(kernel.health.get(32001)!().body).service.name).to.equal('other')
    await proxy.close()
    expect(kernel.health.size).to.equal(0)
  })

  it('that somebody else holds are tried again', async () => {
    const { proxy, kernel, clock, problems } = await setup()
    kernel.health.set(32000, () => ({ status: 418, headers: {}, body: '' }))
    proxy.upsertService(balanced('web', 32000))
    await proxy.synced()
    expect(proxy.stats()['health-checks']?.failed).to.equal(1)
    expect(problems).to.deep.equal(['PORT_IN_USE test/web healthCheckNodePort 32000'])
    kernel.health.clear()
    await clock.advance(60_000)
    expect(kernel.health.has(32000)).to.equal(true)
  })

  it('say that the proxy is not healthy when a change waits for too long', async () => {
    const { proxy, kernel, clock } = await setup()
    proxy.upsertService(balanced('web', 32000))
    proxy.upsertSlice(slice('web', [A]))
    await proxy.synced()
    await clock.advance(1000)
    let go = () => {}
    kernel.ipvs.apply = () =>
      new Promise((resolve) => {
        go = () => resolve([null])
      })
    proxy.upsertSlice(slice('web', [A, '10.244.1.3']))
    await clock.advance(1000)
    proxy.upsertSlice(slice('web', [A, '10.244.1.4']))
    await clock.advance(61_000)
    expect(kernel.health.get(32000)!().status).to.equal(503)
    go()
  })
})

describe('a virtual server that the kernel does not take', () => {
  it('is reported once, tried again, and stops no other', async () => {
    const { proxy, kernel, clock, problems } = await setup()
    const stranger = { family: 4, protocol: 'tcp', address: '10.96.0.1', port: 80 } as const
    const server = { ...stranger, scheduler: 'rr', flags: 0, timeout: 0 }
    kernel.table.set(WEB, { server, destinations: new Map() })
    proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
    proxy.upsertService(service('other', { clusterIP: '10.96.0.2' }))
    await proxy.synced()
    await clock.advance(20_000)
    expect(problems).to.deep.equal(['KERNEL_REFUSED test/web tcp 10.96.0.1 80: EEXIST'])
    expect(kernel.table.get(WEB)?.server, 'not ours').to.equal(server)
    expect(kernel.table.has('tcp 10.96.0.2 80')).to.equal(true)
    kernel.table.delete(WEB)
    await clock.advance(120_000)
    expect(kernel.table.get(WEB)?.server.flags).not.to.equal(0)
    expect(proxy.problems()).to.deep.equal([])
  })
})

describe('a NodePort on which a process listens', () => {
  it('is served, and reported once', async () => {
    const { proxy, kernel, problems } = await setup()
    kernel.bound.add('tcp 30080').add('udp 30081')
    const spec = { type: 'NodePort', clusterIP: '10.96.0.1' }
    const ports = [30080, 30081].map((nodePort) => ({ name: `p${nodePort}`, port: nodePort, nodePort }))
    proxy.upsertService(service('web', { ...spec, ports }))
    await proxy.synced()
    proxy.upsertSlice(slice('web', [A]))
    await proxy.flush()
    expect(kernel.table.has('tcp 192.0.2.11 30080')).to.equal(true)
    expect(problems).to.deep.equal(['PORT_IN_USE test/web NodePort 30080/tcp'])
    proxy.deleteService('test/web')
    await proxy.flush()
    expect(proxy.problems()).to.deep.equal([])
  })

  it('is found among the sockets that /proc lists', () => {
    const listed = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 00000000:7580 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20591 1',
      '   1: 0100007F:7581 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 20592 1',
      '   2: 00000000000000000000000000000000:7582 00000000000000000000000000000000:0000 0A 00000000:00000000',
    ].join('\n')
    expect(readSockets('tcp', listed)).to.deep.equal(['tcp 30080', 'tcp 30082'])
    expect(readSockets('udp', listed)).to.deep.equal([])
  })
})

describe('addresses of the node', () => {
  const door = () =>
    service('web', { type: 'NodePort', clusterIP: '10.96.0.1', ports: [{ port: 80, nodePort: 30080 }] })

  it('in the configured ranges have the NodePorts, and are followed as the kernel changes them', async () => {
    const kernel = new FakeProxyKernel()
    kernel.interfaceAddresses = ['192.0.2.11', '198.51.100.1', '203.0.113.1']
    const { proxy, clock } = await setup({ nodePortRanges: ['198.51.100.0/24', '203.0.113.0/24'] }, kernel)
    proxy.upsertService(door())
    await proxy.synced()
    expect([...kernel.table.keys()]).to.have.members([WEB, 'tcp 198.51.100.1 30080', 'tcp 203.0.113.1 30080'])
    kernel.setAddresses('192.0.2.11', '198.51.100.2')
    await clock.advance(1)
    await clock.advance(100)
    expect([...kernel.table.keys()]).to.have.members([WEB, 'tcp 198.51.100.2 30080'])
  })

  it('are not made service addresses, and are again when the node loses them', async () => {
    const { proxy, kernel, clock } = await setup({ externalRanges: ['198.51.100.0/24'] })
    proxy.upsertService(service('web', { clusterIP: '10.96.0.1', externalIPs: ['198.51.100.7'] }))
    await proxy.synced()
    const vips = () => [...kernel.routeTable.keys()]
    expect(vips()).to.have.members(['10.96.0.1/32', '198.51.100.7/32'])
    kernel.setAddresses('192.0.2.11', '198.51.100.7')
    await clock.advance(1)
    await clock.advance(100)
    expect(vips()).to.deep.equal(['10.96.0.1/32'])
    kernel.setAddresses('192.0.2.11')
    await clock.advance(1)
    await clock.advance(100)
    expect(vips()).to.have.members(['10.96.0.1/32', '198.51.100.7/32'])
  })

  it('are not those of an interface that kube-proxy or kube-router left behind', async () => {
    const found: string[][] = []
    const { proxy, kernel, problems, clock } = await setup({
      nodePortRanges: ['10.96.0.0/16', '192.0.2.0/24'],
      onLeftOvers: (leftOvers) => void found.push(leftOvers.map((l) => `${l.interface} of ${l.program}`)),
    })
    for (const [name, address] of [
      ['kube-ipvs0', '10.96.0.1'],
      ['kube-dummy-if', '10.96.0.2'],
    ] as const) {
      const { index } = await kernel.links.add({ name, kind: 'dummy' })
      const added = {
        interfaceIndex: index,
        family: 4,
        address,
        prefixLength: 32,
        scope: 0,
        flags: 0,
      } as const
      await kernel.addresses.add(added)
    }
    proxy.upsertService(door())
    proxy.upsertService(service('other', { clusterIP: '10.96.0.2' }))
    await proxy.synced()
    expect([...kernel.routeTable.keys()]).to.have.members(['10.96.0.1/32', '10.96.0.2/32'])
    expect(kernel.table.has('tcp 10.96.0.1 30080')).to.equal(false)
    expect(problems).to.deep.equal([])
    expect(found.at(-1)).to.deep.equal(['kube-ipvs0 of kube-proxy', 'kube-dummy-if of kube-router'])
    for (const { index } of await kernel.links.list()) await kernel.links.remove(index)
    for (const address of await kernel.addresses.list()) await kernel.addresses.remove(address)
    await clock.advance(1)
    expect(found.at(-1)).to.deep.equal([])
  })

  it('of nodes that join later take back what a Service had of them', async () => {
    const { proxy, kernel } = await setup()
    proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
    proxy.upsertService(balanced('bad', '10.96.0.2', '192.0.2.12'))
    await proxy.synced()
    expect([...kernel.table.keys()]).to.have.members([WEB, 'tcp 10.96.0.2 80', 'tcp 192.0.2.12 80'])
    proxy.setClusterAddresses(['192.0.2.11', '192.0.2.12'])
    await proxy.flush()
    expect([...kernel.table.keys()]).to.have.members([WEB, 'tcp 10.96.0.2 80'])
    proxy.setClusterAddresses(['192.0.2.11'])
    await proxy.flush()
    expect([...kernel.table.keys()]).to.have.members([WEB, 'tcp 10.96.0.2 80', 'tcp 192.0.2.12 80'])
  })

  it('are not a load balancer’s, though a Node claims it beside its own, or out of the nodes’ ranges', async () => {
    for (const nodeCIDRs of [[], ['192.0.2.0/24']]) {
      const { proxy, kernel } = await setup({ nodeCIDRs })
      const vips = () => [...kernel.routeTable.keys()]
      proxy.upsertService(balanced('web', '10.96.0.1', '203.0.113.7'))
      await proxy.synced()
      const all = ['10.96.0.1/32', '203.0.113.7/32']
      proxy.setClaims(['192.0.2.13', '203.0.113.7'])
      await proxy.flush()
      expect(vips()).to.have.members(all)
      // As its only address it is that node's, unless the operator says where nodes are.
      proxy.setClaims(['203.0.113.7'])
      await proxy.flush()
      expect(vips()).to.have.members(nodeCIDRs.length > 0 ? all : ['10.96.0.1/32'])
      proxy.setClaims(['192.0.2.13', '203.0.113.7'])
      await proxy.flush()
      expect(vips()).to.have.members(all)
    }
  })

  it('make an endpoint in a range that others reserve one of a Node’s pods, whoever comes first', async () => {
    const { proxy, kernel, problems } = await setup()
    proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
    proxy.upsertSlice(slice('web', ['240.0.0.1']))
    await proxy.synced()
    expect([kernel.endpoints(WEB), problems.length]).to.deep.equal([[], 1])
    proxy.setPodCIDRs(['240.0.0.0/24'])
    await proxy.flush()
    expect(kernel.endpoints(WEB)).to.deep.equal(['240.0.0.1:8080'])
    proxy.setPodCIDRs([])
    await proxy.flush()
    expect([kernel.endpoints(WEB), problems.length]).to.deep.equal([[], 2])
  })

  it('are not the ClusterIPs that a Node claims, another one or this one', async () => {
    const { proxy, kernel, problems } = await setup()
    proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
    await proxy.synced()
    kernel.messages.length = 0
    proxy.setClusterAddresses(['192.0.2.11', '192.0.2.12', '10.96.0.1'])
    await proxy.flush()
    proxy.setNodeAddresses(['192.0.2.11', '10.96.0.1'])
    await proxy.flush()
    expect(kernel.messages).to.deep.equal([])
    expect(problems).to.deep.equal([])
    kernel.setAddresses('192.0.2.11', '10.96.0.1')
    await new Promise(setImmediate)
    await proxy.flush()
    expect(kernel.table.size).to.equal(0)
    expect(problems).to.deep.equal(['ADDRESS_REFUSED test/web 10.96.0.1: the address of a node'])
  })

  it('and its zone decide about endpoints', async () => {
    const { proxy, kernel } = await setup({ zone: 'a' })
    const hinted = (address: string, zone: string) => ({
      addresses: [address],
      hints: { forZones: [{ name: zone }] },
    })
    proxy.upsertService(service('web', { clusterIP: '10.96.0.1' }))
    proxy.upsertSlice(slice('web', [hinted(A, 'a'), hinted(B, 'b')]))
    await proxy.synced()
    expect(kernel.endpoints(WEB)).to.deep.equal([`${A}:8080`])
    proxy.setZone('b')
    await proxy.flush()
    expect(kernel.endpoints(WEB)).to.deep.equal([`${B}:8080`])
  })
})

describe('a scheduler that the kernel does not have', () => {
  const asking = (name: string, scheduler: string, clusterIP: string) =>
    service(
      name,
      { clusterIP },
      { metadata: { annotations: { 'podroute.io/service.scheduler': scheduler } } },
    )

  it('is replaced by rr, said once a Service', async () => {
    const kernel = new FakeProxyKernel()
    kernel.missingSchedulers.add('mh')
    const { proxy, problems, clock } = await setup({}, kernel)
    await proxy.synced()
    proxy.upsertService(asking('web', 'mh', '10.96.0.1'))
    proxy.upsertService(asking('other', 'lc', '10.96.0.2'))
    for (const name of ['web', 'other']) proxy.upsertSlice(slice(name, [A]))
    await clock.advance(10_000)
    expect(kernel.table.get(WEB)?.server.scheduler).to.equal('rr')
    expect(kernel.table.get('tcp 10.96.0.2 80')?.server.scheduler).to.equal('lc')
    expect(kernel.endpoints(WEB)).to.deep.equal([`${A}:8080`])
    proxy.upsertService(asking('late', 'mh', '10.96.0.3'))
    await clock.advance(10_000)
    expect(kernel.endpoints('tcp 10.96.0.3 80')).to.deep.equal([])
    const said = (name: string) => `NO_SCHEDULER test/${name} mh; rr is used instead`
    expect(problems).to.deep.equal([said('web'), said('late')])
    expect(proxy.stats()['virtual-servers']).to.include({ failed: 0 })
  })
})
