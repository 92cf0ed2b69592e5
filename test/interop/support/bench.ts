// One session between us and another implementation, each in its namespace.

import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { PeerConfig, SpeakerConfig } from 'bgp-speaker-ts/config.ts'
import type { DownReason } from 'bgp-speaker-ts/snapshot.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { type Daemon, eventually, type Scenario } from './daemon.ts'
import { ADDRESS, ip, type Link, makeLink, removeLink } from './link.ts'

export const OUR_ASN = 64512
export const THEIRS = ['172.20.0.0/16', '172.21.1.0/24', 'fd21::/48', 'fd21:0:0:1::/64'] as const
export const OURS = ['10.1.0.0/16', '10.2.3.0/24', 'fd10::/48', 'fd10:0:0:1::/64'] as const

/** What our announcements carry; the extended community is the route target 64512:100. */
const TAGS = {
  communities: ['64512:7'],
  largeCommunities: ['64512:8:9'],
  extendedCommunities: ['0002fc0000000064'],
}

export class Bench {
  readonly link: Link = makeLink()
  readonly scenario: Scenario
  daemon: Daemon
  speaker: Speaker
  readonly #others: Speaker[] = []
  /** How sessions ended, the CEASEs and other NOTIFICATIONs as `sent 6/1`, `received 6/2`. */
  readonly ends: string[] = []

  constructor(daemon: Daemon, scenario: Partial<Scenario> & { theirAsn: number }) {
    this.daemon = daemon
    this.scenario = { ourAsn: OUR_ASN, over: 4, announce: THEIRS, ...scenario }
    this.speaker = this.newSpeaker()
  }

  newSpeaker(more: Partial<SpeakerConfig> = {}): Speaker {
    const speaker = new Speaker({
      asn: OUR_ASN,
      routerId: '10.99.0.1',
      listen: { port: 179 },
      transport: kernelTransport(this.link.ours),
      ...more,
    })
    speaker.on('peer', (event) => {
      if (event.kind === 'down') this.ends.push(endOf(event.reason))
    })
    return speaker
  }

  peer(more: Partial<PeerConfig> = {}): PeerConfig {
    const { over, theirAsn, password, ttlSecurity, gracefulRestart } = this.scenario
    return {
      address: ADDRESS.theirs[over],
      asn: theirAsn,
      localAddress: ADDRESS.ours[over],
      families: ['ipv4-unicast', 'ipv6-unicast'],
      nextHop: { ipv4: ADDRESS.ours[4], ipv6: ADDRESS.ours[6] },
      connectRetryTime: 1,
      ...(password === undefined ? {} : { password }),
      ...(ttlSecurity ? { ttlSecurityHops: 1 } : {}),
      ...(gracefulRestart === undefined ? {} : { gracefulRestart: { time: 60, forwarding: true } }),
      ...more,
    }
  }

  /** One more speaker at our end of the link, with addresses of its own; it connects and does not listen. */
  another(host: number, config: Partial<SpeakerConfig> = {}): Speaker {
    for (const address of [`${v4Of(host)}/24`, `${v6Of(host)}/64`])
      ip(
        '-n',
        this.link.ours,
        'address',
        'add',
        address,
        'dev',
        'peer',
        ...(address.includes(':') ? ['nodad'] : []),
      )
    const transport = kernelTransport(this.link.ours)
    const speaker = new Speaker({ asn: OUR_ASN, routerId: v4Of(host), transport, ...config })
    this.#others.push(speaker)
    return speaker
  }

  async start(more: Partial<PeerConfig> = {}): Promise<void> {
    this.speaker.addPeer(this.peer(more))
    await this.speaker.start()
    await this.daemon.start(this.link, this.scenario)
  }

  /** Another process takes the daemon's place, which has ended. */
  async replaceDaemon(daemon: Daemon, scenario: Scenario): Promise<void> {
    this.daemon = daemon
    await daemon.start(this.link, scenario)
  }

  announce(prefixes: readonly string[] = OURS): void {
    for (const prefix of prefixes) this.speaker.announce({ prefix, ...TAGS, med: 5 })
  }

  ourPrefixes(): string[] {
    return learned(this.speaker)
  }

  async theirPrefixes(): Promise<string[]> {
    return (await this.daemon.routes()).map(({ prefix }) => prefix).sort()
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
    try {
      await Promise.all([this.speaker, ...this.#others].map((speaker) => speaker.close()))
    } finally {
      await this.daemon.stop().finally(() => removeLink(this.link))
    }
  }
}

export const v4Of = (host: number) => `10.99.0.${host}`
export const v6Of = (host: number) => `fd99::${host}`

/** The session of the speaker at `host` with another one, to whom it connects. */
export function towards(address: string, host: number, asn: number): PeerConfig {
  return {
    address,
    asn,
    localAddress: v4Of(host),
    families: ['ipv4-unicast', 'ipv6-unicast'],
    nextHop: { ipv4: v4Of(host), ipv6: v6Of(host) },
    connectRetryTime: 1,
  }
}

/** Prefixes that the speaker has learned, sorted. */
export function learned(speaker: Speaker): string[] {
  return [...speaker.routes()]
    .filter(({ source }) => source !== 'local')
    .map(({ prefix }) => prefix)
    .sort()
}

function endOf(reason: DownReason): string {
  if (reason.kind === 'connection-closed' || reason.kind === 'connection-failed') return reason.kind
  return `${reason.kind.replace('notification-', '')} ${reason.code}/${reason.subcode}`
}

/** Runs the test on a bench that is closed whatever happens. */
export async function onBench(bench: Bench, test: (bench: Bench) => Promise<void>): Promise<void> {
  try {
    await test(bench)
  } finally {
    await bench.close()
  }
}
