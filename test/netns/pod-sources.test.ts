import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { DeclareMetric } from '@podroute/feature/metric.ts'
import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { SetElementResource } from '@podroute/kernel/nft/element-resource.ts'
import { declarePortMetrics } from '@podroute/pod-network/sources/port-metrics.ts'
import { SOURCE_SETS, SOURCES_TABLE, sourcesTable } from '@podroute/pod-network/sources/table.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { buildPlugins } from './cni-world.ts'
import {
  ALL_NODES,
  advertisement,
  arp,
  BROADCAST,
  Ear,
  frame,
  icmp6Packet,
  marker,
  redirect,
  routerAdvertisement,
  sendFrames,
  solicitation,
  udpPacket,
} from './frames.ts'
import { GATEWAYS, type Pod, PodWorld } from './pod-world.ts'

const [IPV4, IPV6, ARP] = [0x0800, 0x86dd, 0x0806]

/** Who attacks whom, in terms of a third pod. */
interface Scene {
  readonly attacker: Pod
  readonly victim: Pod
  readonly third: Pod
}

const linkLocal = (netns: string) =>
  /inet6 (fe80\S+)\//.exec(
    execFileSync('ip', ['-n', netns, 'addr', 'show', 'dev', 'eth0'], { encoding: 'utf8' }),
  )![1]!

/** By the row of the attack, and what the frame is; each frame goes from the attacker to the third pod. */
const ATTACKS: Readonly<Record<string, (scene: Scene) => string>> = {
  'F: a router advertisement': ({ attacker: a }) =>
    frame(
      ALL_NODES,
      a.mac,
      IPV6,
      icmp6Packet({ source: linkLocal(a.netns), destination: 'ff02::1' }, routerAdvertisement(a.mac)),
    ),
  'F: a redirect': ({ attacker: a, third: t }) =>
    frame(
      t.mac,
      a.mac,
      IPV6,
      icmp6Packet({ source: linkLocal(a.netns), destination: t.v6 }, redirect(a.v6, '2001:db8::9')),
    ),
  "G: ARP for another pod's address": ({ attacker: a, victim: v, third: t }) =>
    frame(t.mac, a.mac, ARP, arp({ mac: a.mac, address: v.v4, target: t.v4 })),
  "G: ARP for the gateway's address": ({ attacker: a, third: t }) =>
    frame(BROADCAST, a.mac, ARP, arp({ mac: a.mac, address: GATEWAYS[0]!, target: t.v4 }, true)),
  'G: ARP with the hardware address of another inside': ({ attacker: a, victim: v, third: t }) =>
    frame(t.mac, a.mac, ARP, arp({ mac: v.mac, address: a.v4, target: t.v4 })),
  'G: the same behind a VLAN tag of priority': ({ attacker: a, victim: v, third: t }) =>
    frame(t.mac, a.mac, ARP, arp({ mac: a.mac, address: v.v4, target: t.v4 }), 0),
  "G: a neighbour advertisement of another pod's address": ({ attacker: a, victim: v, third: t }) =>
    frame(t.mac, a.mac, IPV6, icmp6Packet({ source: a.v6, destination: t.v6 }, advertisement(v.v6, a.mac))),
  "G: a neighbour advertisement of the gateway's address": ({ attacker: a, third: t }) =>
    frame(
      t.mac,
      a.mac,
      IPV6,
      icmp6Packet({ source: GATEWAYS[1]!, destination: t.v6 }, advertisement(GATEWAYS[1]!, a.mac)),
    ),
  "G: a neighbour solicitation with another pod's address as source": ({
    attacker: a,
    victim: v,
    third: t,
  }) =>
    frame(t.mac, a.mac, IPV6, icmp6Packet({ source: v.v6, destination: t.v6 }, solicitation(t.v6, a.mac))),
  "G: duplicate address detection of another pod's address": ({ attacker: a, third: t }) =>
    frame(
      '33:33:ff:00:00:02',
      a.mac,
      IPV6,
      icmp6Packet({ source: '::', destination: 'ff02::1:ff00:2' }, solicitation(t.v6)),
    ),
  "H: another pod's hardware address": ({ attacker: a, victim: v, third: t }) =>
    frame(t.mac, v.mac, IPV4, udpPacket({ source: a.v4, destination: t.v4 }, 'attack')),
  "I: another pod's IPv4 address": ({ attacker: a, victim: v, third: t }) =>
    frame(t.mac, a.mac, IPV4, udpPacket({ source: v.v4, destination: t.v4 }, 'attack')),
  'I: an IPv4 address of nobody': ({ attacker: a, third: t }) =>
    frame(t.mac, a.mac, IPV4, udpPacket({ source: '198.51.100.7', destination: t.v4 }, 'attack')),
  "I: another pod's IPv6 address": ({ attacker: a, victim: v, third: t }) =>
    frame(t.mac, a.mac, IPV6, udpPacket({ source: v.v6, destination: t.v6 }, 'attack')),
  'I: a link-local address that is not its own': ({ attacker: a, third: t }) =>
    frame(t.mac, a.mac, IPV6, udpPacket({ source: 'fe80::1', destination: t.v6 }, 'attack')),
  'an answer of DHCP': ({ attacker: a, third: t }) =>
    frame(t.mac, a.mac, IPV4, udpPacket({ source: a.v4, destination: t.v4 }, 'attack', [67, 68])),
  'an answer of DHCPv6': ({ attacker: a, third: t }) =>
    frame(t.mac, a.mac, IPV6, udpPacket({ source: a.v6, destination: t.v6 }, 'attack', [547, 546])),
  'a protocol that is none of a pod': ({ attacker: a, third: t }) =>
    frame(t.mac, a.mac, 0x88cc, marker('attack from a pod')),
}

describe('pods are who they are', function () {
  this.timeout(60_000)
  let plugins = ''
  let world: PodWorld
  let scene: Scene
  before(async () => {
    plugins = buildPlugins()
    world = await PodWorld.create(plugins)
    await world.start()
    const [attacker, victim, third] = [
      await world.addPod('a'),
      await world.addPod('v'),
      await world.addPod('t'),
    ]
    scene = { attacker: attacker!, victim: victim!, third: third! }
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    rmSync(plugins, { recursive: true, force: true })
  })
  afterEach(async () => {
    await world.configure({ sourceCheck: true })
    // What an attack has told them while the check was off.
    for (const { netns } of Object.values(scene)) execFileSync('ip', ['-n', netns, 'neigh', 'flush', 'all'])
    world.cni.inHost('ip', 'neigh', 'flush', 'dev', 'kube-bridge')
  })

  const honest = ({ attacker: a, third: t }: Scene, text: string) =>
    frame(t.mac, a.mac, IPV4, udpPacket({ source: a.v4, destination: t.v4 }, text))
  let marks = 0
  /** Whether a frame of the attacker gets to the third pod; an honest one behind it does in any case. */
  async function arrives(attack: string): Promise<boolean> {
    await using ear = await Ear.open(scene.third.netns, 'eth0')
    const mark = `mark ${marks++}!`
    sendFrames(scene.attacker.netns, 'eth0', attack, honest(scene, mark))
    // The kernel takes a VLAN tag of priority off, and fills short frames up.
    const text = attack.slice(24).replace(/^81000000/, '')
    return ear.heardBefore(text, marker(mark))
  }
  /** A port that is closed says so: a packet went there, and one came back. */
  const reach = (from: string, to: string) => {
    const code = `const s = require('net').connect({ host: '${to}', port: 9, timeout: 3000 })
      s.on('error', (e) => console.log(e.code)); s.on('timeout', () => s.destroy(new Error('timeout')))`
    const program = ['netns', 'exec', from, process.execPath, '-e', code]
    const said = execFileSync('ip', program, { encoding: 'utf8' }).trim()
    expect(said, `${from} to ${to}`).to.equal('ECONNREFUSED')
  }
  /** As the metric has it. */
  function uncheckedPods(): number {
    let count = Number.NaN
    const metric: DeclareMetric['metric'] = ({ read }) =>
      read((value) => {
        count = value
      })
    declarePortMetrics({ metric, own() {} }, () => world.network.uncheckedPorts)
    return count
  }
  /** Indexes of the links that have elements, those of each set alike. */
  const links = async () => {
    const found = new Set<number>()
    const elements = new SetElementResource(world.nft, SOURCES_TABLE, SOURCE_SETS)
    for await (const part of elements.list())
      for (const [, { element }] of part) found.add(Number(element.split(' ', 1)[0]))
    return [...found]
  }

  for (const [name, forge] of Object.entries(ATTACKS))
    it(`${name}: seen to work with the check off, refused with it on`, async () => {
      const attack = forge(scene)
      expect(await arrives(attack), 'with the check').to.equal(false)
      await world.configure({ sourceCheck: false })
      expect(await arrives(attack), 'without').to.equal(true)
    })

  it("H: a frame with another pod's hardware address moves no entry of the bridge, a link-local one neither", async () => {
    const { attacker, victim } = scene
    const portOf = (mac: string) => {
      const fdb = world.cni.inHost('bridge', 'fdb', 'show', 'br', 'kube-bridge')
      return fdb
        .split('\n')
        .find((line) => line.startsWith(mac) && line.includes('master'))
        ?.split(' ')[2]
    }
    reach(victim.netns, GATEWAYS[0]!)
    expect(portOf(victim.mac)).to.equal(victim.port)
    const lldp = frame('01:80:c2:00:00:0e', victim.mac, 0x88cc, '00'.repeat(46))
    const plain = frame(
      BROADCAST,
      victim.mac,
      IPV4,
      udpPacket({ source: victim.v4, destination: '10.244.1.9' }, 'x'),
    )
    for (const attack of [plain, lldp]) {
      expect(await arrives(attack)).to.equal(false)
      expect(portOf(victim.mac)).to.equal(victim.port)
    }
    await world.configure({ sourceCheck: false })
    await arrives(plain)
    expect(portOf(victim.mac), 'without the check').to.equal(attacker.port)
    reach(victim.netns, GATEWAYS[0]!)
  })

  it("G: the node's own entry of a pod stays", async () => {
    const { attacker, victim } = scene
    reach(victim.netns, GATEWAYS[0]!)
    const known = () => world.cni.inHost('ip', 'neigh', 'show', victim.v4)
    const attack = frame(
      BROADCAST,
      attacker.mac,
      ARP,
      arp({ mac: attacker.mac, address: victim.v4, target: GATEWAYS[0]! }, true),
    )
    await arrives(attack)
    expect(known()).to.contain(victim.mac)
    await world.configure({ sourceCheck: false })
    world.cni.inHost('ip', 'neigh', 'flush', 'dev', 'kube-bridge')
    await arrives(attack)
    expect(known(), 'without the check').to.contain(attacker.mac)
    world.cni.inHost('ip', 'neigh', 'flush', 'dev', 'kube-bridge')
  })

  it('F, G: a pod is a host: it takes no router advertisement and forwards nothing, though its node does', () => {
    expect(world.cni.setting('host', 'ipv4/ip_forward')).to.equal('1')
    const { path } = scene.attacker
    expect(world.cni.setting(path, 'ipv4/ip_forward')).to.equal('0')
    expect(world.cni.setting(path, 'ipv6/conf/all/forwarding')).to.equal('0')
    expect(world.cni.setting(path, 'ipv6/conf/eth0/accept_ra')).to.equal('0')
  })

  it("I: a pod's link-local address is made of its hardware address, whatever its namespace says: it may send from that one", () => {
    const { netns, mac } = scene.attacker
    const bytes = Buffer.from(mac.replaceAll(':', ''), 'hex')
    const identifier = Buffer.from([bytes[0]! ^ 2, ...bytes.subarray(1, 3), 0xff, 0xfe, ...bytes.subarray(3)])
    const groups = [0, 2, 4, 6].map((at) => identifier.readUInt16BE(at).toString(16))
    expect(linkLocal(netns)).to.equal(`fe80::${groups.join(':')}`)
  })

  it('honest pods reach each other, the node and the router, in both families and by link-local addresses', () => {
    const { attacker, third } = scene
    const link = `${linkLocal(third.netns)}%eth0`
    for (const to of [third.v4, third.v6, ...GATEWAYS, link, '192.0.2.1', '2001:db8::1'])
      reach(attacker.netns, to)
  })

  it('a pod that says that it sends from others does; so does one from before', async () => {
    const free = await world.addPod('free', { runtimeConfig: { sourceCheck: false } })
    const before = scene.attacker
    const old = await world.addPod('old', { sourceCheck: undefined })
    await eventually(() => uncheckedPods() === 2)
    for (const pod of [free, old]) {
      scene = { ...scene, attacker: pod }
      expect(await arrives(ATTACKS["I: another pod's IPv4 address"]!(scene)), pod.id).to.equal(true)
      await world.removePod(pod)
    }
    await eventually(() => uncheckedPods() === 0)
    scene = { ...scene, attacker: before }
  })

  it('pods that start while the check is off are checked when it is switched on', async () => {
    await world.configure({ sourceCheck: false })
    const before = scene.attacker
    const pod = await world.addPod('off')
    scene = { ...scene, attacker: pod }
    const attack = ATTACKS["I: another pod's IPv4 address"]!(scene)
    expect(await arrives(attack)).to.equal(true)
    await world.configure({ sourceCheck: true })
    expect(await arrives(attack)).to.equal(false)
    await world.removePod(pod)
    scene = { ...scene, attacker: before }
  })

  it('is put back, elements too, when somebody deletes the table', async () => {
    expect(await links()).to.contain(scene.attacker.link)
    world.cni.inHost('nft', 'delete', 'table', 'bridge', 'podroute-ports')
    await eventually(async () => (await links().catch((): number[] => [])).includes(scene.attacker.link))
    await world.settled()
    expect(await arrives(ATTACKS["I: another pod's IPv6 address"]!(scene))).to.equal(false)
  })

  /** Their sets and rules, by what a port is checked by there. */
  const FORMER_TABLES: Readonly<Record<string, (pod: Pod) => string>> = {
    'name and IP address': ({ port, mac, v4 }) => `
        set ports { type ifname; elements = { "${port}" }; }
        set macs { type ifname . ether_addr; elements = { "${port}" . ${mac} }; }
        set addresses-4 { type ifname . ipv4_addr; elements = { "${port}" . ${v4} }; }
        chain from-ports {
          type filter hook prerouting priority -310; policy accept;
          iifname . ether saddr @macs goto from-pod
          iifname @ports drop
        }
        chain from-pod {
          meta protocol ip iifname . ip saddr @addresses-4 accept
          meta protocol arp accept
          drop
        }`,
    'name and both addresses': ({ port, mac, v4 }) => `
        set checked-ports { type ifname; elements = { "${port}" }; }
        set port-macs { type ifname . ether_addr; elements = { "${port}" . ${mac} }; }
        set sources-4 { type ifname . ether_addr . ipv4_addr; elements = { "${port}" . ${mac} . ${v4} }; }
        chain from-ports {
          type filter hook prerouting priority -310; policy accept;
          iifname . ether saddr . ip saddr @sources-4 accept
          iifname . ether saddr @port-macs goto from-pod
          iifname @checked-ports drop
        }
        chain from-pod {
          meta protocol arp accept
          drop
        }`,
  }
  for (const [name, tableOf] of Object.entries(FORMER_TABLES))
    it(`an agent that finds the table of a former version, by ${name}, replaces it, and no pod is cut off meanwhile`, async () => {
      const { attacker, third } = scene
      const attack = ATTACKS["I: another pod's IPv4 address"]!(scene)
      await world.stop()
      const table = 'table bridge podroute-ports'
      const old = `${table}\n delete ${table}\n ${table} {${tableOf(attacker)}\n}`
      await world.nft.run(old)
      expect(await arrives(attack), 'with the former table').to.equal(false)
      await world.nft.run(tableScript(sourcesTable(true)))
      reach(attacker.netns, third.v4)
      await world.start()
      await world.settled()
      reach(attacker.netns, third.v4)
      expect(await arrives(attack), 'with the new one').to.equal(false)
      const rules = ['from-ports', 'from-pod'].map((chain) =>
        world.cni.inHost('nft', 'list', 'chain', 'bridge', 'podroute-ports', chain),
      )
      expect(rules.join(), 'what sets it had besides does no harm').to.not.match(/ifname|addresses-4/)
    })

  it('holds while the agent is away, also for a pod that starts then; the next agent adopts it and sweeps what went', async () => {
    const gone = await world.addPod('gone')
    await world.stop()
    const before = scene.attacker
    const pod = await world.addPod('away')
    scene = { ...scene, attacker: pod }
    expect(await arrives(ATTACKS["I: another pod's IPv4 address"]!(scene))).to.equal(false)
    execFileSync('ip', ['-n', world.cni.host, 'link', 'del', gone.port])
    expect(await links()).to.contain(gone.link)
    await world.start()
    await world.settled()
    expect(await links()).to.not.contain(gone.link)
    expect(await links()).to.contain(pod.link)
    await world.stop()
    await world.removePod(pod)
    await world.start()
    expect(await links(), 'of a pod that went without an agent').to.not.contain(pod.link)
    scene = { ...scene, attacker: before }
  })
})
