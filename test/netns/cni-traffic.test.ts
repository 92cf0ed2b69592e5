import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { expect } from 'chai'
import { connectOutside } from './cni-outside.ts'
import { buildPlugins, command, NetnsWorld } from './cni-world.ts'

const CONFIG = { cniVersion: '1.0.0', name: 'traffic' }

/** Answers each connection with the client's address. */
const SERVER = `require('net').createServer(s => s.end(s.remoteAddress)).listen({ port: 80, host: '::' }, () => console.log('ready'))`

const client = (address: string, port: number) =>
  `const s = require('net').connect({ host: '${address}', port: ${port}, timeout: 5000 });
   s.on('timeout', () => s.destroy(new Error('timeout')));
   s.on('data', d => process.stdout.write(d)); s.on('error', e => { console.error(e.message); process.exit(1) })`

describe('CNI plugins carry traffic', () => {
  let plugins = ''
  let world: NetnsWorld
  let server: ChildProcess | undefined
  before(() => {
    plugins = buildPlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    world = new NetnsWorld(plugins)
    command('ip', '-n', world.host, 'link', 'set', 'lo', 'up')
  })
  afterEach(() => {
    server?.kill()
    world.dispose()
  })

  const node = (netns: string, code: string) => ['netns', 'exec', netns, process.execPath, '-e', code]

  async function serve(netns: string): Promise<void> {
    server = spawn('ip', node(netns, SERVER), { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(server.stdout!, 'data')
  }

  const ask = (netns: string, address: string, port: number) =>
    execFileSync('ip', node(netns, client(address, port)), { encoding: 'utf8' }).replace('::ffff:', '')

  async function serveUdp(netns: string, port: number, answer: string): Promise<void> {
    const code = `const s = require('dgram').createSocket('udp6'); s.on('message', (m, r) => s.send('${answer}', r.port, r.address));
      s.bind(${port}, '::', () => console.log('ready'))`
    server?.kill()
    server = spawn('ip', node(netns, code), { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(server.stdout!, 'data')
  }

  /** Always from the same port, so that a second call belongs to the flow of the first. */
  const askUdp = (netns: string, address: string, port: number) => {
    const code = `const s = require('dgram').createSocket('udp${address.includes(':') ? 6 : 4}');
      s.on('message', (m) => { process.stdout.write(m); s.close() }); setTimeout(() => process.exit(1), 3000).unref();
      s.bind(40053, () => s.send('x', ${port}, '${address}'))`
    return execFileSync('ip', node(netns, code), { encoding: 'utf8' })
  }

  const nameOf = (path: string) => path.split('/').at(-1)!

  const bridge = {
    ...CONFIG,
    type: 'bridge',
    bridge: 'traffic0',
    isDefaultGateway: true,
    hairpinMode: true,
    ipMasq: true,
    ipMasqBackend: 'nftables',
  }
  const ipam = () => ({
    type: 'host-local',
    dataDir: world.data,
    ranges: [[{ subnet: '10.66.0.0/24' }], [{ subnet: 'fd66::/64' }]],
  })

  function attach(name: string, config: object = bridge) {
    const netns = world.addContainer(name)
    const answer = world.run('bridge', {
      command: 'ADD',
      containerId: name,
      netns,
      config: { ...config, ipam: ipam() },
    })
    expect(answer.status, answer.output + answer.error).to.equal(0)
    return { netns: nameOf(netns), path: netns, result: answer.json! }
  }

  it('between containers, both families, with their own addresses', async () => {
    const [one, two] = [attach('one'), attach('two')]
    await serve(one.netns)
    expect(ask(two.netns, '10.66.0.2', 80)).to.equal('10.66.0.3')
    expect(ask(two.netns, 'fd66::2', 80)).to.equal('fd66::3')
    expect(ask(world.host, '10.66.0.2', 80)).to.equal('10.66.0.1')
  })

  for (const backend of ['nftables', 'iptables']) {
    it(`by hostPort from outside, from localhost and from the container itself, by ${backend}`, async () => {
      const one = attach('one', { ...bridge, ipMasqBackend: backend })
      const outside = connectOutside(world)
      const portmap = {
        ...CONFIG,
        type: 'portmap',
        backend,
        prevResult: one.result,
        runtimeConfig: { portMappings: [{ hostPort: 8088, containerPort: 80, protocol: 'tcp' }] },
      }
      const answer = world.run('portmap', {
        command: 'ADD',
        containerId: 'one',
        netns: one.path,
        config: portmap,
      })
      expect(answer.status, answer.output + answer.error).to.equal(0)
      await serve(one.netns)
      expect(ask(outside, '192.0.2.1', 8088), 'outside').to.equal('192.0.2.2')
      expect(ask(outside, '2001:db8::1', 8088), 'outside, IPv6').to.equal('2001:db8::2')
      expect(ask(world.host, '127.0.0.1', 8088), 'localhost').to.equal('10.66.0.1')
      expect(ask(one.netns, '192.0.2.1', 8088), 'hairpin').to.equal('10.66.0.1')
      world.run('portmap', { command: 'DEL', containerId: 'one', netns: one.path, config: portmap })
      expect(() => ask(outside, '192.0.2.1', 8088)).to.throw(/ECONNREFUSED/)
    })

    it(`to the outside with the host’s address, by ${backend}`, async () => {
      const one = attach('one', { ...bridge, ipMasqBackend: backend })
      const outside = connectOutside(world)
      await serve(outside)
      expect(ask(one.netns, '192.0.2.2', 80)).to.equal('192.0.2.1')
      expect(ask(one.netns, '2001:db8::2', 80)).to.equal('2001:db8::1')
    })
  }

  /** Has host ports of both protocols mapped to a container's port 80. */
  function map(
    backend: string,
    one: ReturnType<typeof attach>,
    hostPort: number,
    changes: object = {},
  ): void {
    const portMappings = ['tcp', 'udp'].map((protocol) => ({ hostPort, containerPort: 80, protocol }))
    const config = {
      ...CONFIG,
      type: 'portmap',
      backend,
      prevResult: one.result,
      runtimeConfig: { portMappings },
    }
    const call = { containerId: 'one', netns: one.path, config: { ...config, ...changes } }
    const answer = world.run('portmap', { command: 'ADD', ...call })
    expect(answer.status, answer.output + answer.error).to.equal(0)
    expect(world.run('portmap', { command: 'CHECK', ...call }).status).to.equal(0)
  }

  /** Whether packets between ports of a bridge pass the host's rules: without br_netfilter they never do. */
  function filterBridged(value: '0' | '1'): void {
    for (const name of ['iptables', 'ip6tables']) {
      const path = `bridge/bridge-nf-call-${name}`
      if (value === '1' || existsSync(`/proc/sys/net/${path}`)) world.setSetting('host', path, value)
    }
  }

  for (const backend of ['nftables', 'iptables']) {
    it(`by hostPort between containers of a bridge, both families, TCP and UDP, by ${backend}`, async () => {
      filterBridged('0')
      const [one, two] = [attach('one'), attach('two')]
      connectOutside(world)
      map(backend, one, 8088)
      await serve(one.netns)
      expect(ask(two.netns, '192.0.2.1', 8088)).to.equal('10.66.0.1')
      expect(ask(two.netns, '2001:db8::1', 8088)).to.equal('fd66::1')
      expect(ask(two.netns, '10.66.0.1', 8088), 'by the gateway’s address').to.equal('10.66.0.1')
      expect(ask(one.netns, '192.0.2.1', 8088), 'the container itself').to.equal('10.66.0.1')
      await serveUdp(one.netns, 80, 'container')
      expect(askUdp(two.netns, '192.0.2.1', 8088)).to.equal('container')
      expect(askUdp(two.netns, '2001:db8::1', 8088)).to.equal('container')
    })

    it(`by hostPort with the host’s address for every client under masqAll, by ${backend}`, async () => {
      const [one, outside] = [attach('one'), connectOutside(world)]
      command('ip', '-n', outside, 'route', 'add', '10.66.0.0/24', 'via', '192.0.2.1')
      command('ip', '-n', outside, 'route', 'add', 'fd66::/64', 'via', '2001:db8::1')
      map(backend, one, 80, { masqAll: true })
      await serve(one.netns)
      expect(ask(outside, '192.0.2.1', 80)).to.equal('10.66.0.1')
      expect(ask(outside, '2001:db8::1', 80)).to.equal('fd66::1')
      expect(ask(world.host, '127.0.0.1', 80), 'localhost').to.equal('10.66.0.1')
      expect(ask(outside, '10.66.0.2', 80), 'the container itself, by no mapping').to.equal('192.0.2.2')
      expect(ask(outside, 'fd66::2', 80)).to.equal('2001:db8::2')
    })

    it(`between containers with their own addresses beside a mapping of the same port, by ${backend}`, async () => {
      filterBridged('1')
      const [one, two] = [attach('one'), attach('two')]
      connectOutside(world)
      map(backend, one, 80)
      await serve(one.netns)
      expect(ask(two.netns, '10.66.0.2', 80)).to.equal('10.66.0.3')
      expect(ask(two.netns, 'fd66::2', 80)).to.equal('fd66::3')
    })
  }

  for (const backend of ['nftables', 'iptables']) {
    it(`by UDP to whoever has the host’s port next, after DEL, by ${backend}`, async () => {
      const one = attach('one')
      const outside = connectOutside(world)
      const portMappings = [{ hostPort: 8053, containerPort: 53, protocol: 'udp' }]
      const config = {
        ...CONFIG,
        type: 'portmap',
        backend,
        prevResult: one.result,
        runtimeConfig: { portMappings },
      }
      const call = { containerId: 'one', netns: one.path, config }
      expect(world.run('portmap', { command: 'ADD', ...call }).status).to.equal(0)
      await serveUdp(one.netns, 53, 'container')
      expect(askUdp(outside, '192.0.2.1', 8053)).to.equal('container')
      expect(askUdp(outside, '2001:db8::1', 8053)).to.equal('container')
      expect(world.run('portmap', { command: 'DEL', ...call }).status).to.equal(0)
      await serveUdp(world.host, 8053, 'host')
      expect(askUdp(outside, '192.0.2.1', 8053)).to.equal('host')
      expect(askUdp(outside, '2001:db8::1', 8053)).to.equal('host')
    })
  }

  it('not with another container’s hardware address under macspoofchk', async () => {
    const [one, two] = [attach('one'), attach('two', { ...bridge, macspoofchk: true })]
    await serve(one.netns)
    expect(ask(two.netns, '10.66.0.2', 80)).to.equal('10.66.0.3')
    command('ip', '-n', two.netns, 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99')
    expect(() => ask(two.netns, '10.66.0.2', 80)).to.throw(/timeout|EHOSTUNREACH/)
  })
})
