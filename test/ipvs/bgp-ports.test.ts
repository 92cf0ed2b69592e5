import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { loadModules } from '@podroute/linux/modules.ts'
import { expect } from 'chai'
import { buildPlugins, command } from '../netns/cni-world.ts'
import { type Pod, PodWorld } from '../netns/pod-world.ts'
import { eventually } from '../support/eventually.ts'

const VIP = '10.96.0.9'
const OTHER_NODE = '192.0.2.22'
const OWN = '192.0.2.1'
const server = {
  ...({ family: 4, protocol: 'tcp', address: VIP, port: 80, scheduler: 'rr', flags: 0, timeout: 0 } as const),
}

/** Answers each connection with the client's address. */
const SERVER = `require('net').createServer(s => s.end(s.remoteAddress)).listen({ port: 179, host: '::' }, () => console.log('ready'))`
const client = (wait: number) => `
  const s = require('net').connect({ host: '${VIP}', port: 80, timeout: ${wait} })
  s.on('data', d => { console.log(String(d).replace('::ffff:', '')); process.exit() })
  s.on('timeout', () => { console.log('dropped'); process.exit() })
  s.on('error', (e) => console.log(e.code))`

describe('BGP ports behind a Service of IPVS (row D)', function () {
  this.timeout(120_000)
  let plugins = ''
  let world: PodWorld
  let pod: Pod
  const servers: ChildProcess[] = []
  const node = (netns: string, code: string) => ['netns', 'exec', netns, process.execPath, '-e', code]
  const ask = (netns: string, wait: number) =>
    execFileSync('ip', node(netns, client(wait)), { encoding: 'utf8' }).trim()
  const allow = async (podsSpeakBgp: boolean) => {
    await world.configure({ podsSpeakBgp })
    const rules = async () => JSON.stringify(await world.nft.listJson('list table inet podroute-pod-network'))
    await eventually(async () => (await rules()).includes('bgp-sent') !== podsSpeakBgp)
  }
  const leadTo = async (address: string) => {
    const destination = { address, port: 179, weight: 1, forwarding: 'masquerade' } as const
    const done = await world.ipvs.apply([
      { kind: 'add-server', server },
      { kind: 'add-destination', server, destination },
    ])
    expect(done).to.deep.equal([null, null])
  }

  before(async () => {
    await loadModules(['ip_vs', 'ip_vs_rr'])
    plugins = buildPlugins()
    world = await PodWorld.create(plugins)
    await world.start()
    world.cni.setSetting('host', 'ipv4/vs/conntrack', '1')
    command('ip', '-n', world.outside, 'addr', 'add', `${OTHER_NODE}/24`, 'dev', 'up0')
    command('ip', '-n', world.cni.host, 'route', 'add', 'local', VIP, 'dev', 'lo', 'table', 'local')
    // As the service proxy has what goes to another node through a NodePort.
    await world.nft.run(`add table ip test
      add chain ip test out { type nat hook postrouting priority 90; }
      add rule ip test out ip daddr ${OTHER_NODE} masquerade
`)
    pod = await world.addPod('p')
    for (const netns of [world.outside, world.cni.host]) {
      const process = spawn('ip', node(netns, SERVER), { stdio: ['ignore', 'pipe', 'inherit'] })
      servers.push(process)
      await once(process.stdout!, 'data')
    }
  })
  after(async () => {
    for (const process of servers) process.kill()
    await world[Symbol.asyncDispose]()
    rmSync(plugins, { recursive: true, force: true })
  })
  afterEach(async () => {
    await world.ipvs.apply([{ kind: 'remove-server', server }])
    await allow(false)
  })

  it("another node's: a pod would be this node there", async () => {
    await leadTo(OTHER_NODE)
    expect(ask(pod.netns, 1500)).to.equal('dropped')
    expect(ask(world.cni.host, 10_000), 'the node itself may').to.equal(OWN)
    await allow(true)
    expect(ask(pod.netns, 10_000), 'when pods may').to.equal(OWN)
  })

  it("this node's own", async () => {
    await leadTo(OWN)
    expect(ask(pod.netns, 1500)).to.equal('dropped')
    await allow(true)
    expect(ask(pod.netns, 10_000), 'when pods may').to.equal(pod.v4)
  })
})
