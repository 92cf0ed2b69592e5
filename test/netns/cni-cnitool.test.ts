import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildReferencePlugins } from '../../lab/tools/reference-plugins.ts'
import { randomFrom } from './cni-script.ts'
import { buildPlugins, command, NetnsWorld } from './cni-world.ts'

const FUZZED = 300

/** The configuration of the walk-through, with the store where libcni and host-local have it by default. */
const MYNET = {
  cniVersion: '0.3.1',
  name: 'mynet',
  type: 'bridge',
  bridge: 'mybridge',
  isDefaultGateway: true,
  hairpinMode: true,
  ipam: { type: 'host-local', subnet: '10.22.0.0/16', routes: [{ dst: '0.0.0.0/0' }] },
}

const DUAL = {
  cniVersion: '0.3.1',
  name: 'examplenet',
  ipam: {
    type: 'host-local',
    ranges: [
      [{ subnet: '203.0.113.0/24' }],
      [{ subnet: '2001:db8:1::/64', rangeStart: '2001:db8:1::10', gateway: '2001:db8:1::77' }],
    ],
    dataDir: '/var/lib/cni/example',
  },
}

describe('CNI plugins for a runtime', () => {
  let plugins = ''
  let reference = ''
  let world: NetnsWorld
  let root = ''
  before(async () => {
    plugins = buildPlugins()
    reference = await buildReferencePlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    world = new NetnsWorld(plugins)
    root = join(world.data, '..')
  })
  afterEach(() => world.dispose())

  /** One shell on a host whose /var/lib is empty and its own; answers what was printed between `echo ----`. */
  const onHost = (lines: readonly string[]): string[] => {
    const script = `${root}/script`
    world.write(script, ['set -e', 'mount -t tmpfs podroute-cni-test /var/lib', ...lines].join('\n'))
    return world
      .inHost('sh', script)
      .split('----\n')
      .map((part) => part.trim())
  }

  it('three namespaces by cnitool: addresses, pings, leases and result cache, then nothing', () => {
    world.write(`${root}/net.d/10-mynet.conf`, JSON.stringify(MYNET))
    const containers = ['one', 'two', 'three'].map((name) => world.addContainer(name))
    const cnitool = join(reference, 'cnitool')
    const tool = (name: string, netns: string) =>
      `CNI_PATH=${plugins} NETCONFPATH=${root}/net.d ${cnitool} ${name} mynet ${netns}`
    // The gateway and the two others: a container's own lo is the loopback plugin's, which is not in this chain.
    const pings = (netns: string, i: number) =>
      [1, 2, 3, 4]
        .filter((host) => host !== i + 2)
        .map(
          (host) => `nsenter --net=${netns} busybox ping -c 1 -W 2 10.22.0.${host} > /dev/null; echo reached`,
        )
    const [results, leased, lease, cached, pinged, left, links] = onHost([
      ...containers.map((netns) => `${tool('add', netns)}; echo ,`),
      'echo ----; ls /var/lib/cni/networks/mynet',
      'echo ----; cat /var/lib/cni/networks/mynet/10.22.0.2',
      'echo ----; cat /var/lib/cni/results/*; ls /var/lib/cni/results | wc -l',
      'echo ----',
      ...containers.flatMap(pings),
      ...containers.map((netns) => tool('del', netns)),
      'echo ----; ls /var/lib/cni/networks/mynet; ls /var/lib/cni/results',
      'echo ----; ip -o link show type veth',
    ])
    const parsed = JSON.parse(`[${results!.slice(0, -1)}]`) as {
      ips: { address: string; gateway: string }[]
    }[]
    expect(parsed.map((result) => result.ips[0]!.address)).to.deep.equal([
      '10.22.0.2/16',
      '10.22.0.3/16',
      '10.22.0.4/16',
    ])
    expect(parsed[0]).to.have.nested.property('ips[0].gateway', '10.22.0.1')
    const files = ['10.22.0.2', '10.22.0.3', '10.22.0.4', 'last_reserved_ip.0', 'lock']
    expect(leased!.split('\n')).to.deep.equal(files)
    expect(lease).to.match(/^cnitool-[0-9a-f]+\r\neth0$/)
    expect(cached)
      .to.match(/"kind":"cniCacheV1"/)
      .and.to.match(/\n?3$/)
    expect(pinged!.split('\n')).to.deep.equal(new Array(9).fill('reached'))
    expect(left!.split('\n')).to.deep.equal(['last_reserved_ip.0', 'lock'])
    expect(links).to.equal('')
  })

  it('host-local alone, dual stack, without a namespace, in version 0.3.1', () => {
    world.write(`${root}/dual.json`, JSON.stringify(DUAL))
    const variables = `CNI_CONTAINERID=example CNI_NETNS=/dev/null CNI_IFNAME=dummy0 CNI_PATH=${plugins}`
    const [result, leased, left] = onHost([
      `CNI_COMMAND=ADD ${variables} ${plugins}/host-local < ${root}/dual.json`,
      'echo; echo ----; ls /var/lib/cni/example/examplenet',
      `CNI_COMMAND=DEL ${variables} ${plugins}/host-local < ${root}/dual.json`,
      'echo ----; ls /var/lib/cni/example/examplenet',
    ])
    expect(JSON.parse(result!)).to.deep.equal({
      cniVersion: '0.3.1',
      ips: [
        { version: '4', address: '203.0.113.2/24', gateway: '203.0.113.1' },
        { version: '6', address: '2001:db8:1::10/64', gateway: '2001:db8:1::77' },
      ],
      dns: {},
    })
    const bookkeeping = ['last_reserved_ip.0', 'last_reserved_ip.1', 'lock']
    expect(leased!.split('\n')).to.have.members(['2001:db8:1::10', '203.0.113.2', ...bookkeeping])
    expect(left!.split('\n')).to.have.members(bookkeeping)
  })

  it(`${FUZZED} mutated configurations and environments: an error JSON or a result, never a crash or a hang`, function () {
    this.timeout(60_000)
    const seed = Date.now() % 1_000_000
    console.log(`      seed ${seed}`)
    const random = randomFrom(seed)
    const draw = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!
    const netns = world.addContainer('fuzzed')
    const lines = Array.from({ length: FUZZED }, (_, i) => {
      const plugin = draw(['bridge', 'host-local', 'loopback', 'portmap'])
      world.write(`${root}/fuzz/${i}`, mutate(JSON.stringify(configFor(plugin)), random))
      const values = {
        CNI_COMMAND: draw(['ADD', 'ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION', 'add', '']),
        CNI_CONTAINERID: draw(['c1', 'c1', 'c2', '', '../x', 'ü', 'x'.repeat(5000)]),
        CNI_NETNS: draw([netns, netns, netns, '', '/', '/dev/null', '/proc/self/ns/net', 'x'.repeat(5000)]),
        CNI_IFNAME: draw(['eth0', 'eth0', 'net1', '', '.', 'a/b', 'x'.repeat(16)]),
        CNI_PATH: draw([plugins, plugins, plugins, '', ':', '/dev/null', '/no/such']),
        CNI_ARGS: draw(['', '', 'IgnoreUnknown=1;IP=10.77.0.9', 'A', '=;=', 'MAC=zz;IgnoreUnknown=1']),
      }
      const environment = Object.entries(values).map(([name, value]) => `${name}='${value}'`)
      const call = `env -i PATH=/usr/bin:/bin ${environment.join(' ')} timeout 8 ${plugins}/${plugin}`
      return `${call} < ${root}/fuzz/${i} > ${root}/out.${i} 2> /dev/null || echo ${i} $?`
    })
    const [failed] = onHost(lines)
    const failures = new Map(failed!.split('\n').map((line) => line.split(' ') as [string, string]))
    for (let i = 0; i < FUZZED; i++) {
      const about = `case ${i} of seed ${seed}: ${lines[i]!.slice(0, 600)} ${world.read(`${root}/fuzz/${i}`)}`
      const output = world.read(`${root}/out.${i}`)
      const status = failures.get(`${i}`)
      expect(status, about).to.be.oneOf([undefined, '1'])
      if (status === '1') expect(JSON.parse(output), about).to.have.property('code').that.is.a('number')
      else if (output !== '') expect(JSON.parse(output), about).to.be.an('object')
    }
    expect(failures.size)
      .to.be.greaterThan(FUZZED / 4)
      .and.to.be.lessThan(FUZZED)
    // Whatever they made is in the namespaces of this test.
    expect(command('ip', '-o', 'link', 'show', 'type', 'bridge')).not.to.match(/fuzz0/)
  })
})

const configFor = (plugin: string) => ({
  cniVersion: '1.1.0',
  name: 'fuzz',
  type: plugin,
  bridge: 'fuzz0',
  isDefaultGateway: true,
  ipMasq: true,
  ipMasqBackend: 'nftables',
  hairpinMode: true,
  mtu: 1400,
  dns: { nameservers: ['10.0.0.53'] },
  runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] },
  ipam: {
    type: 'host-local',
    ranges: [[{ subnet: '10.77.0.0/24', rangeStart: '10.77.0.9' }], [{ subnet: 'fd77::/64' }]],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '10.1.0.0/16', gw: '10.77.0.1', mtu: 1400 }],
  },
  prevResult: {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/var/run/netns/x' }],
    ips: [{ address: '10.77.0.2/24', gateway: '10.77.0.1', interface: 0 }],
    routes: [{ dst: '0.0.0.0/0' }],
  },
})

const TOKENS = [
  'null',
  'true',
  '-1',
  '0',
  '1e999',
  '4294967296',
  '""',
  '[]',
  '{}',
  '[[]]',
  '"::"',
  '"10.0.0.0/99"',
  '"\\u0000"',
  '"0.3.1"',
  '"/"',
  '"\\ud800"',
  '[null]',
  '{"a":{}}',
]

/** A few changes: values replaced by others of another type, pieces cut out, doubled, or bytes overwritten. */
function mutate(text: string, random: () => number): string {
  let mutated = text
  for (let count = Math.floor(random() * 4); count > 0; count--) {
    const at = Math.floor(random() * mutated.length)
    const end = at + Math.floor(random() * 12)
    const token = TOKENS[Math.floor(random() * TOKENS.length)]!
    const kind = Math.floor(random() * 8)
    if (kind < 5) mutated = replaceValue(mutated, at, token)
    else if (kind === 5) mutated = mutated.slice(0, at) + mutated.slice(end)
    else if (kind === 6) mutated = mutated.slice(0, end) + mutated.slice(at)
    else mutated = mutated.slice(0, at) + String.fromCharCode(1 + random() * 300) + mutated.slice(at + 1)
  }
  return mutated
}

/** The first plain value from `at` on becomes `token`. */
const replaceValue = (text: string, at: number, token: string): string =>
  text.slice(0, at) + text.slice(at).replace(/:("[^"]*"|\d+|true)/, () => `:${token}`)
