import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { buildPlugins, command } from './cni-world.ts'
import { GATEWAYS, NODE_ADDRESSES, type Pod, PodWorld } from './pod-world.ts'

const ROUTER = ['192.0.2.2', '2001:db8::2']
/** The address of another node, which is where the router is. */
const OTHER_NODE = '192.0.2.22'
const NODE_PORT = 30179

/** Answers each connection with the client's address. */
const SERVER = `require('net').createServer(s => s.end(s.remoteAddress)).listen({ port: 179, host: '::' }, () => console.log('ready'))`
const client = (address: string, port: number, wait: number) => `
  const s = require('net').connect({ host: '${address}', port: ${port}, timeout: ${wait} })
  s.on('data', d => { console.log(String(d).replace('::ffff:', '')); process.exit() })
  s.on('timeout', () => { console.log('dropped'); process.exit() })
  s.on('error', (e) => console.log(e.code))`

describe('BGP ports and pods', function () {
  this.timeout(60_000)
  let plugins = ''
  let world: PodWorld
  let pod: Pod
  let other: Pod
  const servers: ChildProcess[] = []
  const node = (netns: string, code: string) => ['netns', 'exec', netns, process.execPath, '-e', code]
  const serve = async (netns: string) => {
    const server = spawn('ip', node(netns, SERVER), { stdio: ['ignore', 'pipe', 'inherit'] })
    servers.push(server)
    await once(server.stdout!, 'data')
  }
  /** Whom the server saw, or how it ended. */
  const ask = (netns: string, address: string, port = 179, wait = 5000) =>
    execFileSync('ip', node(netns, client(address, port, wait)), { encoding: 'utf8' }).trim()
  const expectDropped = (netns: string, address: string, port = 179) =>
    expect(ask(netns, address, port, 700), `${netns} to ${address}`).to.equal('dropped')
  const allow = async (podsSpeakBgp: boolean) => {
    await world.configure({ podsSpeakBgp })
    const chains = async () =>
      JSON.stringify(await world.nft.listJson('list table inet podroute-pod-network'))
    await eventually(async () => (await chains()).includes('bgp-forwarded') !== podsSpeakBgp)
  }

  before(async () => {
    plugins = buildPlugins()
    world = await PodWorld.create(plugins)
    const router = { asn: 64999, acceptRoutes: false, maxPrefixes: 1000 }
    await world.start({ peerDeadline: 1, externalPeers: ROUTER.map((address) => ({ ...router, address })) })
    command('ip', '-n', world.outside, 'addr', 'add', `${OTHER_NODE}/24`, 'dev', 'up0')
    // Nodes know the way to each other's pods.
    command('ip', '-n', world.outside, 'route', 'add', '10.244.1.0/24', 'via', NODE_ADDRESSES[0]!)
    pod = await world.addPod('p')
    other = await world.addPod('q')
    for (const netns of [world.outside, world.cni.host, other.netns]) await serve(netns)
  })
  after(async () => {
    for (const server of servers) server.kill()
    await world[Symbol.asyncDispose]()
    rmSync(plugins, { recursive: true, force: true })
  })
  afterEach(() => allow(false))

  for (const [i, address] of ROUTER.entries())
    it(`C: a pod does not get to the router's at ${address}: masqueraded, it would be its node`, async () => {
      expectDropped(pod.netns, address)
      await allow(true)
      expect(ask(pod.netns, address), 'when pods may').to.equal(NODE_ADDRESSES[i])
    })

  it("D: nor to another node's, nor to its own node's, at any of its addresses", async () => {
    const targets = [OTHER_NODE, ...NODE_ADDRESSES, ...GATEWAYS]
    for (const address of targets) expectDropped(pod.netns, address)
    await allow(true)
    for (const address of targets) expect(ask(pod.netns, address), address).to.match(/^(10\.244|fd10)/)
  })

  it('D: nor where a translation of addresses leads there, from a pod or from outside', async () => {
    const rules = `add table ip test
      add chain ip test in { type nat hook prerouting priority -100; }
      add chain ip test out { type nat hook postrouting priority 90; }
      add rule ip test in tcp dport ${NODE_PORT} dnat to ${OTHER_NODE}:179
      add rule ip test out ip daddr ${OTHER_NODE} masquerade`
    await world.nft.run(`${rules}\n`)
    const clients = [pod.netns, world.outside]
    for (const netns of clients) expectDropped(netns, NODE_ADDRESSES[0]!, NODE_PORT)
    await allow(true)
    for (const netns of clients)
      expect(ask(netns, NODE_ADDRESSES[0]!, NODE_PORT), netns).to.equal('192.0.2.1')
    await world.nft.run('delete table ip test\n')
  })

  it('the port of another pod is its own, and the node reaches routers and nodes', () => {
    expect(ask(pod.netns, other.v4)).to.equal(pod.v4)
    expect(ask(pod.netns, other.v6)).to.equal(pod.v6)
    for (const address of [...ROUTER, OTHER_NODE])
      expect(ask(world.cni.host, address)).to.match(/^(192.0.2.1|2001:db8::1)$/)
    expect(ask(world.outside, NODE_ADDRESSES[0]!), 'and they it').to.equal('192.0.2.2')
  })
})
