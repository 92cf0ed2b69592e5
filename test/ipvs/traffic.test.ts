import type { ObjectProxy } from '@podroute/service-proxy/testing/object-proxy.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import type { Host, Network } from './support/network.ts'
import { A4, A6, B4, C4, C6, D4, NODE } from './support/network.ts'
import { sharedNetwork, startProxy } from './support/shared-network.ts'

describe('service traffic', () => {
  let network: Network
  let proxy: ObjectProxy
  const stack = new AsyncDisposableStack()

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    proxy = await startProxy(stack, network)
  })
  after(() => stack.disposeAsync())

  async function expose(...objects: Parameters<typeof proxy.upsertSlice>[0][]) {
    for (const object of objects) proxy.upsertSlice(object)
    const { failed } = await proxy.flush()
    expect(failed).to.equal(0)
  }

  /** Of the last `answers`: each with its milliseconds. */
  let last: string[] = []
  async function answers(host: Host, address: string, port: number, count = 6): Promise<string[]> {
    const all: string[] = []
    last = []
    for (let index = 0; index < count; index++) {
      const started = performance.now()
      all.push(await host.tcp(address, port))
      last.push(`${all.at(-1)} ${Math.round(performance.now() - started)} ms`)
    }
    return all
  }
  /** For when the turns are not as expected: a request that took a second had a second try; a repair may have changed endpoints. */
  async function story(port: number): Promise<string> {
    const script = `ipvsadm -Ln; ipvsadm -Lnc | grep :${port}`
    const kernel = await network.exec('node', 'sh', '-c', script).catch(String)
    return `${last.join(', ')}\n${kernel}\n${JSON.stringify(proxy.stats())}`
  }
  const names = (all: readonly string[]) => all.map((answer) => answer.split(' ')[0])
  const clients = (all: readonly string[]) => [...new Set(all.map((answer) => answer.split(' ')[1]))]
  /** The code of the error; with `late` where the client waited for a second try. */
  async function codeOf(attempt: Promise<unknown>): Promise<string | undefined> {
    const started = performance.now()
    const code = await attempt.then(
      () => 'answered',
      (error: NodeJS.ErrnoException) => error.code,
    )
    return performance.now() - started > 900 ? `late ${code}` : code
  }

  describe('ClusterIP', () => {
    before(async () => {
      proxy.upsertService(
        service('web', {
          clusterIPs: ['10.96.0.10', 'fd10:96::10'],
          ports: [
            { name: 'http', port: 80, protocol: 'TCP' },
            { name: 'dns', port: 80, protocol: 'UDP' },
          ],
        }),
      )
      const ports = [
        { name: 'http', port: 8080, protocol: 'TCP' },
        { name: 'dns', port: 8081, protocol: 'UDP' },
      ]
      await expose(slice('web', [A4, B4, C4], ports), slice('web', [A6, C6], ports))
    })

    it('goes round robin from a pod, which the endpoint sees by its own address', async () => {
      const all = await answers(network.podA, '10.96.0.10', 80)
      expect(names(all).sort()).to.deep.equal(['a', 'a', 'b', 'b', 'c', 'c'])
      expect(clients(all.filter((answer) => !answer.startsWith('a')))).to.deep.equal([A4])
    })

    it('goes round robin from the node, with the node as source', async () => {
      const all = await answers(network.node, '10.96.0.10', 80)
      expect(names(all).sort()).to.deep.equal(['a', 'a', 'b', 'b', 'c', 'c'])
      expect(clients(all.filter((answer) => answer.startsWith('c')))).to.deep.equal([NODE.v4])
    })

    it('serves UDP beside TCP on the same port', async () => {
      const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => network.podA.udp('10.96.0.10', 80)))
      expect(names(all).sort()).to.deep.equal(['a', 'a', 'b', 'b', 'c', 'c'])
    })

    it('works in IPv6 from pods and from the node', async () => {
      expect(new Set(names(await answers(network.podB, 'fd10:96::10', 80, 4)))).to.have.all.keys('a', 'c')
      expect(new Set(names(await answers(network.node, 'fd10:96::10', 80, 4)))).to.have.all.keys('a', 'c')
      const udp = await Promise.all([1, 2].map(() => network.podB.udp('fd10:96::10', 80)))
      expect(new Set(names(udp))).to.have.all.keys('a', 'c')
    })

    it('masquerades clients from outside the cluster', async () => {
      const all = await answers(network.client, '10.96.0.10', 80)
      expect(names(all).sort()).to.deep.equal(['a', 'a', 'b', 'b', 'c', 'c'])
      expect(clients(all)).not.to.include('172.31.0.100')
    })

    it('refuses other ports of its address at once, also those on which the node itself answers', async () => {
      for (const host of [network.podA, network.node, network.client]) {
        expect(await codeOf(host.tcp('10.96.0.10', 9090)), host.name).to.equal('ECONNREFUSED')
        expect(await codeOf(host.tcp('fd10:96::10', 9090)), host.name).to.equal('ECONNREFUSED')
      }
      expect(await network.podA.tcp(NODE.v4, 9090)).to.match(/^node /)
    })
  })

  it('lets a pod reach itself through its Service', async () => {
    proxy.upsertService(service('self', { clusterIPs: ['10.96.0.11', 'fd10:96::11'] }))
    await expose(slice('self', [A4]), slice('self', [A6]))
    expect(names(await answers(network.podA, '10.96.0.11', 80, 3))).to.deep.equal(['a', 'a', 'a'])
    expect(names(await answers(network.podA, 'fd10:96::11', 80, 3))).to.deep.equal(['a', 'a', 'a'])
  })

  it('reaches endpoints on the host network of this node', async () => {
    proxy.upsertService(service('host', { clusterIPs: ['10.96.0.12', 'fd10:96::12'] }))
    const ports = [{ port: 9090, protocol: 'TCP' }]
    await expose(
      slice('host', [{ addresses: [NODE.v4], nodeName: 'node' }], ports),
      slice('host', [{ addresses: [NODE.v6], nodeName: 'node' }], ports),
    )
    for (const host of [network.podA, network.node, network.client]) {
      expect(await host.tcp('10.96.0.12', 80), host.name).to.match(/^node /)
      expect(await host.tcp('fd10:96::12', 80), host.name).to.match(/^node /)
    }
  })

  describe('NodePort', () => {
    before(async () => {
      const ports = ['TCP', 'UDP'].map((protocol) => ({
        name: protocol,
        port: 80,
        nodePort: 30080,
        protocol,
      }))
      proxy.upsertService(
        service('door', { type: 'NodePort', clusterIPs: ['10.96.0.13', 'fd10:96::13'], ports }),
      )
      const sliced = ['TCP', 'UDP'].map((protocol) => ({ name: protocol, port: 8080, protocol }))
      await expose(slice('door', [A4, C4, D4], sliced), slice('door', [A6, C6], sliced))
    })

    it('answers from outside, with the node as the source that endpoints see', async () => {
      const all = await answers(network.client, NODE.v4, 30080)
      expect(names(all).sort(), await story(30080)).to.deep.equal(['a', 'a', 'c', 'c', 'c', 'c'])
      expect(clients(all)).to.have.members([NODE.v4, '10.244.1.1'])
      expect(new Set(names(await answers(network.client, NODE.v6, 30080, 4)))).to.have.all.keys('a', 'c')
      expect(await network.client.udp(NODE.v4, 30080)).to.match(/^[ac] /)
    })

    it('answers from a pod and from the node itself', async () => {
      for (const host of [network.podA, network.podB, network.node]) {
        expect(new Set(names(await answers(host, NODE.v4, 30080, 3))), host.name).to.have.all.keys('a', 'c')
        expect(new Set(names(await answers(host, NODE.v6, 30080, 4))), host.name).to.have.all.keys('a', 'c')
      }
    })

    it('is gone when the Service becomes a ClusterIP only', async () => {
      proxy.upsertService(service('door', { clusterIPs: ['10.96.0.13'] }))
      await proxy.flush()
      expect(await codeOf(network.client.tcp(NODE.v4, 30080))).to.equal('ECONNREFUSED')
    })
  })

  it('refuses at once where no endpoint is, for every kind of address', async () => {
    const ports = [{ port: 80, nodePort: 30090, protocol: 'TCP' }]
    proxy.upsertService(
      service('empty', { type: 'NodePort', clusterIPs: ['10.96.0.14', 'fd10:96::14'], ports }),
    )
    await proxy.flush()
    for (const host of [network.podA, network.node, network.client]) {
      expect(await codeOf(host.tcp('10.96.0.14', 80)), host.name).to.equal('ECONNREFUSED')
      expect(await codeOf(host.tcp('fd10:96::14', 80)), host.name).to.equal('ECONNREFUSED')
      expect(await codeOf(host.tcp(NODE.v4, 30090)), host.name).to.equal('ECONNREFUSED')
      expect(await codeOf(host.tcp(NODE.v6, 30090)), host.name).to.equal('ECONNREFUSED')
    }
  })

  it('follows endpoints that come and go', async () => {
    proxy.upsertService(service('moving', { clusterIPs: ['10.96.0.15'] }))
    await expose(slice('moving', [A4]))
    expect(names(await answers(network.podB, '10.96.0.15', 80, 2))).to.deep.equal(['a', 'a'])
    await expose(slice('moving', [C4]))
    expect(names(await answers(network.podB, '10.96.0.15', 80, 2))).to.deep.equal(['c', 'c'])
    proxy.deleteSlice('test/moving-4')
    await proxy.flush()
    expect(await codeOf(network.podB.tcp('10.96.0.15', 80))).to.equal('ECONNREFUSED')
    proxy.deleteService('test/moving')
    await proxy.flush()
    expect(proxy.snapshot().map((s) => s.service)).not.to.include('test/moving')
  })
})
