import { setTimeout as pause } from 'node:timers/promises'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import type { ServiceProxyOptions } from '@podroute/service-proxy/options.ts'
import { createServiceProxy, type ObjectProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import type { Network } from './support/network.ts'
import { NODE, POD_CIDRS } from './support/network.ts'
import { sharedNetwork } from './support/shared-network.ts'

/** Notes every write on its way to the kernel. */
function counting(kernel: Kernel, writes: string[]): Kernel {
  return {
    ...kernel,
    ipvs: {
      servers: () => kernel.ipvs.servers(),
      destinations: (server) => kernel.ipvs.destinations(server),
      table: () => kernel.ipvs.table(),
      apply(ops) {
        writes.push(...ops.map((op) => `${op.kind} ${op.server.address}`))
        return kernel.ipvs.apply(ops)
      },
    },
    routes: {
      list: (filter) => kernel.routes.list(filter),
      get: (address) => kernel.routes.get(address),
      apply(ops) {
        writes.push(...ops.map((op) => `${op.kind}-route ${op.route.destination}`))
        return kernel.routes.apply(ops)
      },
    },
    nft: {
      elements: (table, set, type) => kernel.nft.elements(table, set, type),
      counts: (table, set, type) => kernel.nft.counts(table, set, type),
      listJson: (command) => kernel.nft.listJson(command),
      show: (command) => kernel.nft.show(command),
      generation: () => kernel.nft.generation(),
      baseChains: () => kernel.nft.baseChains(),
      commentedRules: (chain) => kernel.nft.commentedRules(chain),
      run(script) {
        writes.push(script)
        return kernel.nft.run(script)
      },
      writeElements(table, changes) {
        writes.push(...changes.map(({ kind, set, elements }) => `${kind} ${set} ${elements.join()}`))
        return kernel.nft.writeElements(table, changes)
      },
      writeStructure(table, changes) {
        writes.push(...changes.map((change) => JSON.stringify(change)))
        return kernel.nft.writeStructure(table, changes)
      },
    },
    sysctls: {
      read: (name) => kernel.sysctls.read(name),
      write(name, value) {
        writes.push(`${name}=${value}`)
        kernel.sysctls.write(name, value)
      },
    },
  }
}

describe('the service proxy, restarted', () => {
  const stack = new AsyncDisposableStack()
  let network: Network
  let kernel: Kernel
  const writes: string[] = []

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    kernel = counting(stack.use(openKernel({ netns: network.namespace })), writes)
  })
  after(async () => {
    const strangers = (await kernel.ipvs.servers()).map(
      (server) => ({ kind: 'remove-server', server }) as const,
    )
    await kernel.ipvs.apply(strangers)
    await kernel.nft.run('delete table inet stranger\n')
    await stack.disposeAsync()
  })
  beforeEach(() => {
    writes.length = 0
  })

  const web = service('web', {
    type: 'NodePort',
    clusterIPs: ['10.96.0.10', 'fd10:96::10'],
    ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
  })
  const gone = service('gone', { clusterIPs: ['10.96.0.99'] })
  const sticky = service('sticky', {
    clusterIPs: ['10.96.0.11', 'fd10:96::11'],
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 90 } },
  })
  const stickySlices = [slice('sticky', ['10.244.2.2']), slice('sticky', ['fd10:244:2::2'])]
  const webSlices = [
    slice('web', ['10.244.1.2', '10.244.2.2']),
    slice('web', ['fd10:244:1::2', 'fd10:244:2::2']),
  ]

  async function run(objects: () => void, proxy = makeProxy()) {
    await proxy.start()
    objects()
    await proxy.synced()
    return proxy
  }
  let proxies: ObjectProxy[] = []
  function makeProxy(more: Partial<ServiceProxyOptions> = {}) {
    const proxy = createServiceProxy({
      nodeName: 'node',
      nodeAddresses: [NODE.v4, NODE.v6],
      podCIDRs: POD_CIDRS,
      kernel,
      ...more,
    })
    proxies.push(proxy)
    return proxy
  }
  afterEach(async () => {
    for (const proxy of proxies) await proxy.close()
    proxies = []
  })

  it('first puts everything in place', async () => {
    const proxy = makeProxy()
    await run(() => {
      proxy.upsertService(web)
      for (const object of [gone, sticky]) proxy.upsertService(object)
      for (const object of [...webSlices, ...stickySlices, slice('gone', ['10.244.1.2'])])
        proxy.upsertSlice(object)
    }, proxy)
    expect(await network.podB.tcp('10.96.0.10', 80)).to.match(/^[ac] /)
    expect(await network.podB.tcp('fd10:96::11', 80)).to.match(/^c /)
    expect(writes).not.to.deep.equal([])
  })

  it('estimates no rates, which nobody reads', () => {
    expect(kernel.sysctls.read('net.ipv4.vs.run_estimation')).to.equal('0')
  })

  it('writes nothing when nothing changed', async () => {
    const proxy = makeProxy()
    await run(() => {
      proxy.upsertService(web)
      for (const object of [gone, sticky]) proxy.upsertService(object)
      for (const object of [...webSlices, ...stickySlices, slice('gone', ['10.244.1.2'])])
        proxy.upsertSlice(object)
    }, proxy)
    expect(writes).to.deep.equal([])
    expect(await proxy.audit()).to.have.property('size', 0)
  })

  it('keeps what earlier Services need until it has heard of all', async () => {
    const proxy = makeProxy()
    await proxy.start()
    proxy.upsertService(web)
    for (const object of webSlices) proxy.upsertSlice(object)
    await proxy.flush()
    expect(await network.podB.tcp('10.96.0.99', 80)).to.match(/^a /)
    expect(writes).to.deep.equal([])
  })

  it('repairs what changed meanwhile, and leaves what belongs to others', async () => {
    const stranger = { family: 4, protocol: 'tcp', address: '10.96.0.50', port: 80 } as const
    await kernel.ipvs.apply([
      { kind: 'add-server', server: { ...stranger, scheduler: 'rr', flags: 0, timeout: 0 } },
    ])
    await kernel.nft.run('add table inet stranger\nadd chain inet stranger c\n')
    writes.length = 0
    const proxy = makeProxy()
    await run(() => {
      proxy.upsertService(web)
      for (const object of [slice('web', ['10.244.1.3', '10.244.2.2']), webSlices[1]!])
        proxy.upsertSlice(object)
    }, proxy)
    expect(await network.podA.tcp('10.96.0.10', 80)).to.match(/^[bc] /)
    const servers = (await kernel.ipvs.servers()).map(({ address }) => address)
    expect(servers).to.include('10.96.0.50').and.not.include('10.96.0.99')
    expect(JSON.stringify(await kernel.nft.listJson('list tables'))).to.include('stranger')
    expect(writes.filter((write) => write.includes('fd10:96::10'))).to.deep.equal([])
  })

  it('gives nothing to a virtual server of somebody else, and says so', async () => {
    const proxy = makeProxy()
    await run(() => {
      proxy.upsertService(web)
      proxy.upsertService(service('taken', { clusterIPs: ['10.96.0.50'] }))
      for (const object of [...webSlices, slice('taken', ['10.244.1.2'])]) proxy.upsertSlice(object)
    }, proxy)
    const stranger = (await kernel.ipvs.servers()).find(({ address }) => address === '10.96.0.50')!
    expect(await kernel.ipvs.destinations(stranger)).to.deep.equal([])
    expect(proxy.stats()['virtual-servers']).to.deep.include({ failed: 1 })
    expect(await network.podA.tcp('10.96.0.10', 80)).to.match(/^[ac] /)
  })

  it('puts back VIPs and rules at once, and the rest at the next audit', async () => {
    const proxy = makeProxy({ auditPause: 600_000 })
    await run(() => {
      for (const object of [web, sticky]) proxy.upsertService(object)
      for (const object of [...webSlices, ...stickySlices]) proxy.upsertSlice(object)
    }, proxy)
    await network.exec('node', 'ip', 'route', 'del', 'local', '10.96.0.10', 'table', 'local')
    await network.exec('node', 'nft', 'flush', 'chain', 'inet', 'podroute-service-proxy', 'service-snat')
    await network.exec(
      'node',
      'nft',
      'flush',
      'chain',
      'inet',
      'podroute-service-proxy',
      'affinity-tcp-10.96.0.11-80',
    )
    await within(1000, async () => {
      const routes = await network.exec('node', 'ip', 'route', 'show', 'table', 'local')
      const chain = await network.exec(
        'node',
        'nft',
        'list',
        'chain',
        'inet',
        'podroute-service-proxy',
        'service-snat',
      )
      const affinity = await network.exec(
        'node',
        'nft',
        'list',
        'chain',
        'inet',
        'podroute-service-proxy',
        'affinity-tcp-10.96.0.11-80',
      )
      return routes.includes('10.96.0.10') && chain.includes('masquerade') && affinity.includes('dnat')
    })
    await network.exec('node', 'nft', 'flush', 'set', 'inet', 'podroute-service-proxy', 'service-ports-4')
    const server = (await kernel.ipvs.servers()).find(({ address }) => address === '10.96.0.10')
    await kernel.ipvs.apply([{ kind: 'remove-server', server: server! }])
    const drift = await proxy.audit()
    expect([...drift.keys()]).to.include.members(['virtual-servers', 'destinations', 'set-elements'])
    await proxy.flush()
    expect((await proxy.audit()).size).to.equal(0)
    expect(await network.podB.tcp('10.96.0.10', 80)).to.match(/^[ac] /)
  })

  it('finds by itself, within 10 s, what nobody announces, and counts it', async () => {
    const proxy = makeProxy()
    await run(() => {
      proxy.upsertService(web)
      for (const object of webSlices) proxy.upsertSlice(object)
    }, proxy)
    const repaired = () =>
      ['sysctls', 'virtual-servers', 'destinations'].map((table) => proxy.stats()[table]!.repaired)
    const before = repaired()
    const [server, other] = ['10.96.0.10', 'fd10:96::10'].map((address) => ({ address, port: 80 }))
    const find = async ({ address }: { address: string }) =>
      (await kernel.ipvs.servers()).find((there) => there.address === address)!
    const ipv6 = await find(other!)
    const [destination] = await kernel.ipvs.destinations(ipv6)
    await kernel.ipvs.apply([
      { kind: 'remove-server', server: await find(server!) },
      { kind: 'remove-destination', server: ipv6, destination: destination! },
    ])
    kernel.sysctls.write('net.ipv4.vs.expire_nodest_conn', '0')
    await within(10_000, async () => {
      await pause(200)
      const back = (await find(server!)) && (await kernel.ipvs.destinations(await find(server!))).length === 2
      const whole = (await kernel.ipvs.destinations(ipv6)).length === 2
      return back && whole && kernel.sysctls.read('net.ipv4.vs.expire_nodest_conn') === '1'
    })
    const counted = repaired().map((count, index) => count - before[index]!)
    for (const [index, least] of [1, 1, 3].entries()) expect(counted[index]).to.be.at.least(least)
  })

  it('takes everything of its own away on cleanup', async () => {
    const proxy = makeProxy()
    await proxy.start()
    await proxy.cleanup()
    const left = (await kernel.ipvs.servers()).map(({ address }) => address)
    expect(left).to.deep.equal(['10.96.0.50'])
    expect(await network.exec('node', 'ip', 'route', 'show', 'table', 'local', 'proto', '179')).to.equal('')
    expect(JSON.stringify(await kernel.nft.listJson('list tables'))).to.not.include('podroute')
  })
})

async function within(milliseconds: number, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + milliseconds
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${milliseconds} ms`)
  }
}
