/** The agent that ships, as a process: killed and upgraded under load, nobody notices; what is somebody else's is left alone. */
import { setTimeout as pause } from 'node:timers/promises'
import { openKernel } from '@podroute/kernel/open.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { type AgentProcess, type Api, startAgent, startApi } from './support/agent.ts'
import { nothingLost, serve } from './support/load.ts'
import { A4, C4, D4, type Network } from './support/network.ts'
import { sharedNetwork } from './support/shared-network.ts'

const PORT = 8000
/** From the first sync on, in milliseconds. */
const REPAIR = 1000
const STRANGER = '198.51.100.1'

describe('the agent’s process, under 300 requests a second to ClusterIP and NodePort', () => {
  const stack = new AsyncDisposableStack()
  let network: Network
  let api: Api
  let agent: AgentProcess
  let strangers: string

  before(async function () {
    this.timeout(300_000)
    network = await sharedNetwork()
    const targets = [
      { namespace: network.podA.namespace, address: A4, port: PORT },
      { namespace: network.other.namespace, address: C4, port: PORT },
    ]
    for (const target of targets) stack.use(await serve(target, { name: target.address, quietMs: 300 }))
    stack.defer(cleanUp)
    await node(
      `ipvsadm -A -t ${STRANGER}:1 -s wlc -p 77; ipvsadm -a -t ${STRANGER}:1 -r ${D4}:1 -m -w 3
       nft 'add table inet stranger; add chain inet stranger c { type filter hook input priority 5; }
         add rule inet stranger c tcp dport 1 counter drop'`,
    )
    strangers = await belongingsOfOthers()
    api = stack.use(await startApi(network.namespace))
    const web = service('web', {
      type: 'NodePort',
      clusterIPs: ['10.96.0.30'],
      ports: [{ port: 80, nodePort: 30030, protocol: 'TCP' }],
    })
    api.put(
      web,
      service('damaged', { clusterIPs: ['10.96.0.31'] }),
      service('moved', { clusterIPs: ['10.96.0.32'] }),
    )
    api.putSlice(slice('web', [A4, C4], [{ port: PORT, protocol: 'TCP' }]))
    api.putSlice(slice('damaged', [A4]))
    api.putSlice(slice('moved', [A4]))
    agent = await startAgent(network.namespace, api)
    await agent.inPlace
  })
  after(() => stack.disposeAsync())

  const node = (script: string) => network.exec('node', 'sh', '-ec', script)
  const underLoad = (work: () => Promise<void>) =>
    nothingLost(network, { clusterIP: '10.96.0.30', nodePort: 30030 }, work)

  /** Somebody else's virtual server with its destination, and his table, as they are listed. */
  async function belongingsOfOthers(): Promise<string> {
    const table = await node('nft list table inet stranger')
    return (await node(`ipvsadm -Sn | grep ${STRANGER}`)) + table.replace(/packets \d+ bytes \d+/, '')
  }

  async function cleanUp(): Promise<void> {
    await agent.end('SIGKILL')
    await node(
      `ipvsadm -C; nft delete table inet stranger; nft delete table inet podroute-service-proxy
       ip route flush table local proto 179; ip -6 route flush table local proto 179`,
    )
  }

  /** When what was damaged and what was moved is as it should be, in milliseconds since 1970; looked at from now on. */
  async function whenWhole(): Promise<number> {
    using kernel = openKernel({ netns: network.namespace })
    const endpoints = async (address: string) => {
      const server = (await kernel.ipvs.servers()).find((there) => there.address === address)
      const destinations = server ? await kernel.ipvs.destinations(server) : []
      return destinations.filter(({ weight }) => weight > 0).map((destination) => destination.address)
    }
    for (;;) {
      const [damaged, moved] = [await endpoints('10.96.0.31'), await endpoints('10.96.0.32')]
      const vips = (await kernel.routes.list({ table: 255, protocol: 179 })).map(
        ({ destination }) => destination,
      )
      if (damaged.join() === A4 && moved.join() === C4 && vips.includes('10.96.0.31/32')) return Date.now()
      await pause(20)
    }
  }

  it('killed (SIGKILL): loses no request, and the next one repairs what changed meanwhile within 1 s of its first sync', async () => {
    await underLoad(async () => {
      await agent.end('SIGKILL')
      await node('ipvsadm -D -t 10.96.0.31:80; ip route del local 10.96.0.31 table local')
      api.putSlice(slice('moved', [C4]))
      const whole = whenWhole()
      agent = await startAgent(network.namespace, api)
      const late = (await whole) - (await agent.inPlace)
      process.stdout.write(`      everything repaired ${late} ms after the first sync\n`)
      expect(late).to.be.below(REPAIR)
    })
    expect(await network.podB.tcp('10.96.0.31', 80)).to.match(/^a /)
    expect(await network.podB.tcp('10.96.0.32', 80)).to.match(/^c /)
    expect(await belongingsOfOthers()).to.equal(strangers)
  })

  it('upgraded, one that ends and one with other rules that starts: loses no request', async () => {
    const markers = () => node('nft list chains inet | grep -o "podroute-fingerprint-[0-9a-f-]*"')
    const ours = (await markers()).trim()
    await underLoad(async () => {
      await agent.end('SIGTERM')
      // As if an older version had loaded the rules: they are loaded anew.
      await node(
        `nft 'delete chain inet podroute-service-proxy ${ours}; add chain inet podroute-service-proxy podroute-fingerprint-0123456789ab-0123456789ab'`,
      )
      agent = await startAgent(network.namespace, api)
      await agent.inPlace
    })
    expect((await markers()).trim()).to.equal(ours)
    expect(await belongingsOfOthers()).to.equal(strangers)
  })

  it('upgraded from a version whose rules were in a table of all features: loses no request, and that table goes', async () => {
    await underLoad(async () => {
      await agent.end('SIGTERM')
      await node(
        `nft list table inet podroute-service-proxy |
           sed 's/podroute-service-proxy/podroute/; s/podroute-fingerprint/service-base/' > /run/former.nft
         nft -f /run/former.nft; nft delete table inet podroute-service-proxy`,
      )
      agent = await startAgent(network.namespace, api)
      await agent.inPlace
    })
    const tables = await node('nft list tables inet')
    expect(tables)
      .to.include('inet podroute-service-proxy\n')
      .and.not.match(/inet podroute$/m)
    expect(await belongingsOfOthers()).to.equal(strangers)
  })

  it('switched off in its configuration: takes away all of its own within 2 s, and nothing of others; switched on, all is back', async () => {
    const ours = () =>
      node(
        `ipvsadm -Sn | grep -v ${STRANGER} || true; nft list tables | grep podroute || true
         for family in -4 -6; do ip $family route show table local proto 179; done`,
      )
    expect(await ours())
      .to.include('-A -t 10.96.0.30:80')
      .and.include('podroute-service-proxy')
      .and.include('local 10.96.0.30')
    await agent.configure('{ enabled: false }')
    await eventually(async () => (await ours()) === '', 2000)
    expect(await belongingsOfOthers()).to.equal(strangers)
    await agent.configure('{}')
    await eventually(async () => (await ours()).includes('local 10.96.0.31'), 4000)
    await underLoad(async () => {
      await agent.configure('{ drainSeconds: 5, masqueradeAll: true }')
      const mark = 'nft list table inet podroute-service-proxy'
      const before = await node(mark)
      await eventually(async () => (await node(mark)) !== before, 2000)
      await agent.configure('{}')
      await eventually(async () => (await node(mark)) === before, 2000)
    })
    expect(await belongingsOfOthers()).to.equal(strangers)
  })
})
