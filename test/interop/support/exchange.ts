// What must hold between our speaker and any other implementation: one suite, run on each of them.
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { type Daemon, eventually, type Scenario } from './daemon.ts'
import { ADDRESS, type Link, makeLink, removeLink } from './link.ts'
import { linuxTransport } from './linux-transport.ts'

export const OUR_ASN = 64512
export const THEIRS = ['172.20.0.0/16', '172.21.1.0/24', 'fd21::/48', 'fd21:0:0:1::/64'] as const
const OURS = ['10.1.0.0/16', '10.2.3.0/24', 'fd10::/48', 'fd10:0:0:1::/64'] as const

/** One session between us and a daemon, each in its namespace. */
export class Bench {
  readonly link: Link = makeLink()
  readonly daemon: Daemon
  readonly scenario: Scenario
  readonly speaker: Speaker

  constructor(daemon: Daemon, scenario: Partial<Scenario> & { theirAsn: number }) {
    this.daemon = daemon
    this.scenario = { ourAsn: OUR_ASN, over: 4, announce: THEIRS, ...scenario }
    this.speaker = this.newSpeaker()
  }

  newSpeaker(): Speaker {
    return new Speaker({
      asn: OUR_ASN,
      routerId: '10.99.0.1',
      listen: { port: 179 },
      transport: linuxTransport(this.link.ours),
    })
  }

  peer(more: Partial<PeerConfig> = {}): PeerConfig {
    const { over, theirAsn, password, ttlSecurity } = this.scenario
    return {
      address: ADDRESS.theirs[over],
      asn: theirAsn,
      localAddress: ADDRESS.ours[over],
      families: ['ipv4-unicast', 'ipv6-unicast'],
      nextHop: { ipv4: ADDRESS.ours[4], ipv6: ADDRESS.ours[6] },
      connectRetryTime: 1,
      ...(password === undefined ? {} : { password }),
      ...(ttlSecurity ? { ttlSecurityHops: 1 } : {}),
      ...more,
    }
  }

  async start(more: Partial<PeerConfig> = {}): Promise<void> {
    this.speaker.addPeer(this.peer(more))
    await this.speaker.start()
    await this.daemon.start(this.link, this.scenario)
  }

  announce(): void {
    for (const prefix of OURS)
      this.speaker.announce({ prefix, communities: ['64512:7'], largeCommunities: ['64512:8:9'], med: 5 })
  }

  ourPrefixes(): string[] {
    return [...this.speaker.routes()]
      .filter(({ source }) => source !== 'local')
      .map(({ prefix }) => prefix)
      .sort()
  }

  async theirPrefixes(): Promise<string[]> {
    return (await this.daemon.routes()).map(({ prefix }) => prefix).sort()
  }

  async established(): Promise<void> {
    await eventually(
      () => this.speaker.peers()[0],
      (peer) => peer?.state === 'established',
    )
  }

  /** Both sides have all that the other announces. */
  async exchanged(): Promise<void> {
    await eventually(
      () => this.ourPrefixes(),
      (prefixes) => prefixes.length >= this.scenario.announce.length,
    )
    await eventually(
      () => this.theirPrefixes(),
      (prefixes) => OURS.every((prefix) => prefixes.includes(prefix)),
    )
  }

  async close(): Promise<void> {
    await this.speaker.close()
    await this.daemon.stop()
    removeLink(this.link)
  }
}

/** Runs the test on a bench that is closed whatever happens. */
export async function onBench(bench: Bench, test: (bench: Bench) => Promise<void>): Promise<void> {
  try {
    await test(bench)
  } finally {
    await bench.close()
  }
}

export function exchangesRoutes(make: () => Daemon): void {
  for (const [title, theirAsn] of [
    ['iBGP', OUR_ASN],
    ['eBGP', 65001],
    ['eBGP with a 4-byte AS number', 4_200_000_001],
  ] as const) {
    for (const over of [4, 6] as const) {
      it(`exchanges IPv4 and IPv6 routes with attributes: ${title} over IPv${over}`, () =>
        onBench(new Bench(make(), { theirAsn, over }), async (bench) => {
          await bench.start()
          bench.announce()
          await bench.exchanged()
          expectOurRoutes(bench, theirAsn, over)
          await expectTheirRoutes(bench, theirAsn)
        }))
    }
  }
}

function expectOurRoutes(bench: Bench, theirAsn: number, _over: 4 | 6): void {
  expect(bench.ourPrefixes()).to.deep.equal([...THEIRS].sort())
  for (const path of bench.speaker.routes()) {
    if (path.source === 'local') continue
    expect(path.nextHop).to.equal(ADDRESS.theirs[path.prefix.includes(':') ? 6 : 4])
    expect(path.asPath.flatMap(({ asns }) => asns)).to.deep.equal(theirAsn === OUR_ASN ? [] : [theirAsn])
    expect(path.communities).to.include('65000:100')
    expect(path.largeCommunities).to.include('65000:1:2')
  }
}

async function expectTheirRoutes(bench: Bench, theirAsn: number): Promise<void> {
  const routes = await bench.daemon.routes()
  expect(routes.map(({ prefix }) => prefix).sort()).to.deep.equal([...OURS].sort())
  for (const route of routes) {
    expect(route.nextHop).to.equal(ADDRESS.ours[route.prefix.includes(':') ? 6 : 4])
    expect(route.asPath).to.deep.equal(theirAsn === OUR_ASN ? [] : [OUR_ASN])
    expect(route.communities).to.include.members(['64512:7', '64512:8:9'])
  }
}

export function followsChanges(make: () => Daemon): void {
  it('follows announcements and withdrawals while the session runs', () =>
    onBench(new Bench(make(), { theirAsn: 65001 }), async (bench) => {
      await bench.start()
      bench.announce()
      await bench.exchanged()
      bench.speaker.withdraw(OURS[0])
      bench.speaker.withdraw(OURS[2])
      bench.speaker.announce({ prefix: '10.77.0.0/16' })
      await eventually(
        () => bench.theirPrefixes(),
        (prefixes) => prefixes.join() === ['10.2.3.0/24', '10.77.0.0/16', 'fd10:0:0:1::/64'].join(),
      )
    }))
}

export function dropsRoutesWithTheSession(make: () => Daemon): void {
  it('drops all routes when the other side ends, and takes them back when it returns', () =>
    onBench(new Bench(make(), { theirAsn: 65001 }), async (bench) => {
      await bench.start()
      bench.announce()
      await bench.exchanged()
      await bench.daemon.stop()
      await eventually(
        () => bench.ourPrefixes(),
        (prefixes) => prefixes.length === 0,
      )
      expect(bench.speaker.peers()[0]?.lastDown).to.not.equal(undefined)
      const again = make()
      await again.start(bench.link, bench.scenario)
      try {
        await eventually(
          () => bench.ourPrefixes(),
          (prefixes) => prefixes.length === THEIRS.length,
        )
      } finally {
        await again.stop()
      }
    }))
}

export function authenticates(make: () => Daemon): void {
  for (const over of [4, 6] as const) {
    for (const passive of [true, false]) {
      it(`runs over TCP-MD5, IPv${over}, ${passive ? 'the other side connects' : 'either side connects'}`, () =>
        onBench(new Bench(make(), { theirAsn: 65001, over, password: 's3cret key' }), async (bench) => {
          await bench.start({ passive })
          bench.announce()
          await bench.exchanged()
        }))
    }
  }

  it('has no session with a wrong TCP-MD5 key', () =>
    onBench(new Bench(make(), { theirAsn: 65001, password: 's3cret key' }), async (bench) => {
      await bench.start({ password: 'another key' })
      await new Promise((resolve) => setTimeout(resolve, 3000))
      expect(bench.speaker.peers()[0]?.counters.established).to.equal(0)
    }))
}

export function securesTtl(make: () => Daemon): void {
  it('runs with TTL security on both sides (GTSM)', () =>
    onBench(new Bench(make(), { theirAsn: 65001, ttlSecurity: true }), async (bench) => {
      await bench.start()
      bench.announce()
      await bench.exchanged()
    }))
}
