// Peers at link-local addresses: FRR found by Router Advertisements on two links at once, BIRD at an address that is given.
import { join } from 'node:path'
import { kernelDiscovery } from '@podroute/pod-network/bgp/discovery.ts'
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { OUR_ASN, OURS, THEIRS } from './support/bench.ts'
import { eventually, NamespaceProcess } from './support/daemon.ts'
import { ip } from './support/link.ts'
import { LinkLocalBird, LinkLocalFrr } from './support/link-local.ts'
import { together } from './support/together.ts'

let count = 0

/** Our namespace with a link to each of some others; all far ends have the same link-local address. */
class Star {
  readonly ours: string
  readonly others: readonly string[]

  constructor(links: readonly string[]) {
    const id = `${process.pid}-${count++}`
    this.ours = `pr-ll-a-${id}`
    this.others = links.map((link) => `pr-ll-${link}-${id}`)
    for (const name of [this.ours, ...this.others]) ip('netns', 'add', name)
    for (const [i, link] of links.entries()) {
      const far = this.others[i]!
      ip('-n', this.ours, 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'peer', 'netns', far)
      plug(this.ours, link, 'fe80::1')
      plug(far, 'peer', 'fe80::2')
    }
  }

  remove(): void {
    for (const name of [this.ours, ...this.others]) ip('netns', 'delete', name)
  }
}

/** A link with one link-local address that we know, and that forwards as a router does. */
function plug(netns: string, link: string, address: string): void {
  for (const setting of ['net.ipv6.conf.all.forwarding=1', `net.ipv6.conf.${link}.addr_gen_mode=1`])
    ip('netns', 'exec', netns, 'sysctl', '-qw', setting)
  ip('-n', netns, 'link', 'set', 'lo', 'up')
  ip('-n', netns, 'link', 'set', link, 'up')
  ip('-n', netns, 'address', 'add', `${address}/64`, 'dev', link, 'nodad')
}

const peer = (more: Partial<PeerConfig>): PeerConfig => ({
  asn: 65001,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  connectRetryTime: 1,
  ...more,
})

function startSpeaker(netns: string): Speaker {
  const speaker = new Speaker({
    asn: OUR_ASN,
    routerId: '10.99.0.1',
    listen: { port: 179 },
    multipath: 2,
    transport: kernelTransport(netns),
    discovery: kernelDiscovery(netns),
  })
  for (const prefix of OURS) speaker.announce({ prefix, communities: ['64512:7'] })
  return speaker
}

/** Next hops of what came from peers, by prefix. */
function learned(speaker: Speaker, prefixes: readonly string[]): Record<string, string[]> {
  const hops = (prefix: string) => speaker.paths(prefix).map(({ nextHop }) => nextHop ?? '')
  return Object.fromEntries(prefixes.map((prefix) => [prefix, hops(prefix).sort()]))
}

const all = (hops: readonly string[]) => Object.fromEntries(THEIRS.map((prefix) => [prefix, hops]))

async function findsFrr(): Promise<void> {
  const star = new Star(['eth0', 'eth1'])
  const routers = star.others.map((netns) => new LinkLocalFrr(netns, THEIRS))
  const speaker = startSpeaker(star.ours)
  try {
    for (const link of ['eth0', 'eth1']) speaker.addPeer(peer({ interface: link, asn: 'external' }))
    await Promise.all([speaker.start(), ...routers.map((router) => router.start())])
    await eventually(
      () => learned(speaker, THEIRS),
      (found) => JSON.stringify(found) === JSON.stringify(all(['fe80::2%eth0', 'fe80::2%eth1'])),
      30_000,
    )
    for (const router of routers) {
      await eventually(
        () => router.nextHops(),
        (hops) => OURS.every((prefix) => hops[prefix] === 'fe80::1 peer'),
      )
    }
    expect(
      speaker.peers().map(({ address, remoteAddress, asn }) => [address, remoteAddress, asn]),
    ).to.deep.equal([
      ['eth0', 'fe80::2%eth0', 65001],
      ['eth1', 'fe80::2%eth1', 65001],
    ])
    await routers[0]!.stop()
    await eventually(
      () => learned(speaker, THEIRS),
      (found) => JSON.stringify(found) === JSON.stringify(all(['fe80::2%eth1'])),
    )
  } finally {
    await speaker.close()
    for (const router of routers) await router.stop()
    star.remove()
  }
}

/** In a process of its own: node looks the interface of a link-local address up in the namespace of the process. */
async function watchesFrr(): Promise<void> {
  const star = new Star(['eth0'])
  const router = new LinkLocalFrr(star.others[0]!, THEIRS, true)
  const program = join(import.meta.dirname, 'support/watched-link.ts')
  const speaker = new NamespaceProcess(star.ours, process.execPath, [program, 'eth0'])
  try {
    await router.start()
    await eventually(
      () => router.bfdState(),
      (state) => state === 'up' && speaker.text.includes('bfd up fe80::2%eth0'),
    )
    const said = speaker.text.length
    ip('-n', star.others[0]!, 'link', 'set', 'peer', 'down')
    await eventually(
      () => speaker.text.slice(said),
      (text) => text.includes('down eth0 Cease/BFD Down'),
      5000,
    )
  } finally {
    await speaker.stop()
    await router.stop()
    star.remove()
  }
}

async function meetsBird(passive: boolean): Promise<void> {
  const star = new Star(['eth0'])
  const bird = new LinkLocalBird(star.others[0]!, THEIRS)
  const speaker = startSpeaker(star.ours)
  try {
    speaker.addPeer(peer({ address: 'fe80::2%eth0', passive }))
    await Promise.all([speaker.start(), bird.start(!passive)])
    await eventually(
      () => learned(speaker, THEIRS),
      (found) => JSON.stringify(found) === JSON.stringify(all(['fe80::2%eth0'])),
    )
    await eventually(
      () => bird.nextHops(),
      (hops) => OURS.every((prefix) => hops[prefix] === 'fe80::1 peer'),
    )
  } finally {
    await speaker.close()
    await bird.stop()
    star.remove()
  }
}

together('interop over', [
  {
    name: 'link-local addresses',
    cases: [
      {
        title:
          'finds two FRRs with one link-local address on two links, and exchanges routes of both families with them',
        run: findsFrr,
      },
      { title: 'watches the path to FRR by BFD between link-local addresses', run: watchesFrr },
      {
        title: 'exchanges routes of both families with BIRD, to which we connect',
        run: () => meetsBird(false),
      },
      {
        title: 'exchanges routes of both families with BIRD, which connects to us',
        run: () => meetsBird(true),
      },
    ],
  },
])
