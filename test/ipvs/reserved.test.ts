/** The agent that ships against those who may write a Service's status or a Node's: it keeps its API server, its gateways and its Services. */
import { askPlan, askStatus } from '@podroute/cli/client.ts'
import { FLAG_OURS } from '@podroute/kernel/ipvs/keys.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { type AgentProcess, type Api, startAgent, startApi } from './support/agent.ts'
import { A4, A6, type Network, NODE } from './support/network.ts'
import { sharedNetwork } from './support/shared-network.ts'

/** The API server is outside, at the address of the client. */
const API = '172.31.0.100'
const API_PORT = 6443
const GATEWAY = { v4: '172.31.0.254', v6: 'fd31::254' }
const BROADCAST = '172.31.0.255'
const ENDPOINT_OF_API = '172.31.0.77'
const HONEST = { v4: '192.0.2.7', v6: 'fd20::7' }
const WEB = '10.96.0.40'

describe('what nobody may take', () => {
  const stack = new AsyncDisposableStack()
  let network: Network
  let api: Api
  let agent: AgentProcess
  let services = 0

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    stack.defer(cleanUp)
    await node(`ip route add default via ${GATEWAY.v4}; ip -6 route add default via ${GATEWAY.v6}`)
    api = stack.use(await startApi(network.client.namespace, API))
    const labels = { 'kubernetes.io/service-name': 'kubernetes' }
    const metadata = { name: 'kubernetes', namespace: 'default', labels }
    api.putSlice({ metadata, addressType: 'IPv4', endpoints: [{ addresses: [ENDPOINT_OF_API] }] })
    api.put(service('web', { clusterIPs: [WEB] }))
    api.putSlice(slice('web', [A4]))
    agent = await startAgent(network.namespace, api)
    await agent.inPlace
  })
  after(() => stack.disposeAsync())

  const node = (script: string) => network.exec('node', 'sh', '-ec', script)

  async function cleanUp(): Promise<void> {
    await agent?.end('SIGKILL')
    await node(
      `ipvsadm -C; nft delete table inet podroute-service-proxy; ip route flush table local proto 179
       ip -6 route flush table local proto 179; ip route del default; ip -6 route del default`,
    )
  }

  async function vips(): Promise<string[]> {
    using kernel = openKernel({ netns: network.namespace })
    const routes = await kernel.routes.list({ table: 255, protocol: 179 })
    return routes.map(({ destination }) => destination.replace(/\/.*/, ''))
  }

  /** A Service more that the agent is told of, and serves: its API server is still there. */
  async function stillFollows(): Promise<void> {
    const address = `10.96.1.${++services}`
    api.put(service(`more-${services}`, { clusterIPs: [address] }))
    api.putSlice(slice(`more-${services}`, [A4]))
    await eventually(async () => (await vips()).includes(address))
    expect(await eventually(() => network.podB.tcp(address, 80))).to.match(/^a /)
  }

  it('a Service’s status takes neither API server, nor gateway, nor a whole network; what it may have it gets', async () => {
    const greedy = [API, ENDPOINT_OF_API, GATEWAY.v4, GATEWAY.v6, BROADCAST, HONEST.v4, HONEST.v6]
    const status = { loadBalancer: { ingress: greedy.map((ip) => ({ ip })) } }
    const ports = [80, API_PORT].map((port) => ({ name: `p${port}`, port, protocol: 'TCP' }))
    const clusterIPs = ['10.96.0.66', 'fd10:96::66']
    api.put(service('greedy', { type: 'LoadBalancer', clusterIPs, ports }, { status }))
    const behind = [80, API_PORT].map((port) => ({ name: `p${port}`, port: 8080, protocol: 'TCP' }))
    api.putSlice(slice('greedy', [A4], behind))
    api.putSlice(slice('greedy', [A6], behind))
    await eventually(async () => (await vips()).includes(HONEST.v6))
    await stillFollows()
    expect(await vips()).to.include.members([WEB, ...clusterIPs, HONEST.v4, HONEST.v6])
    for (const address of greedy.slice(0, 5)) expect(await vips(), address).to.not.include(address)
    expect(await node('ipvsadm -Sn')).to.not.include(`${API}:`)
    expect(await network.client.tcp(HONEST.v4, 80)).to.match(/^a /)
  })

  it('a Node’s status takes no Service’s ClusterIP from the others', async () => {
    api.putNode('other', ['172.31.0.12', 'fd31::12', WEB, '10.96.0.66'])
    await stillFollows()
    expect(await vips()).to.include.members([WEB, '10.96.0.66'])
    expect(await network.podB.tcp(WEB, 80)).to.match(/^a /)
    api.putNode('other', ['172.31.0.12', 'fd31::12'])
  })

  it('an endpoint that the kernel refuses is in the plan with the reason, and counted; it stops no other (N)', async () => {
    const [vip, nobodys] = ['10.96.0.71', '240.0.0.1']
    api.put(service('refused', { clusterIPs: [vip] }))
    api.putSlice(slice('refused', [A4, nobodys, BROADCAST]))
    const [refused, ...more] = await eventually(async () => {
      const failed = (await askPlan(agent.socket)).pending.filter(({ error }) => error !== '')
      return failed.length > 0 && failed
    })
    expect(more).to.deep.equal([])
    expect(refused).to.include({ table: 'service-proxy/destinations', kind: 'add' })
    expect(refused!.key).to.include(BROADCAST)
    expect(refused!.error).to.match(/EINVAL/)
    const { tables, ready } = await askStatus(agent.socket)
    expect(tables['service-proxy/destinations']).to.include({ failed: 1, pending: 1 })
    expect(ready, 'the node is not taken from the others').to.equal(true)
    expect(agent.log(), 'not even tried').to.include(`endpoint ${nobodys}`)
    expect(await node('ipvsadm -Sn'))
      .to.include(A4)
      .and.not.include(nobodys)
    await stillFollows()
    expect(await network.podB.tcp(vip, 80)).to.match(/^a /)
    api.putSlice(slice('refused', [A4]))
    await eventually(async () => expect((await askPlan(agent.socket)).pending).to.deep.equal([]))
  })

  it('what an older agent gave away is free again before the new one has its API server', async () => {
    await agent.end('SIGKILL')
    {
      using kernel = openKernel({ netns: network.namespace })
      const server = { family: 4, protocol: 'tcp', address: API, port: API_PORT } as const
      const taken = { ...server, scheduler: 'rr', flags: FLAG_OURS, timeout: 0 }
      const route = { family: 4, destination: `${API}/32`, interfaceIndex: 1, table: 255 } as const
      const local = { ...route, protocol: 179, scope: 254, type: 'local', source: NODE.v4 } as const
      expect(await kernel.ipvs.apply([{ kind: 'add-server', server: taken }])).to.deep.equal([null])
      expect(await kernel.routes.apply([{ kind: 'add', route: local }])).to.deep.equal([null])
    }
    const refused = await network.node.tcp(API, API_PORT).catch((error: { code: string }) => error.code)
    expect(refused).to.equal('ECONNREFUSED')
    agent = await startAgent(network.namespace, api)
    await agent.inPlace
    await stillFollows()
    expect(await vips()).to.not.include(API)
  })

  it('a VIP that becomes the address of a network goes, also while the API server is away, and comes back after it', async () => {
    await api[Symbol.asyncDispose]()
    await node('ip address add 192.0.2.5/29 dev eth0')
    await eventually(async () => !(await vips()).includes(HONEST.v4), 5000)
    expect(await vips()).to.include.members([WEB, HONEST.v6])
    await node('ip address del 192.0.2.5/29 dev eth0')
    await eventually(async () => (await vips()).includes(HONEST.v4), 5000)
  })
})
