/**
 * GTSM between nodes (RFC 5082) on real sockets: two nodes on one link and a third behind a router. Who is a router away is no peer,
 * whatever address it has; a node of a version that connects with the system's own TTL is one.
 */
import { Socket } from 'node:net'
import { withNetns } from '@podroute/linux/netns.ts'
import { AF_INET, SOCK_NONBLOCK, SOCK_STREAM, socket } from '@podroute/linux/sys.ts'
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import type { Transport } from 'bgp-speaker-ts/transport.ts'
import { SocketConnection } from 'bgp-speaker-ts/transport-node.ts'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { eventually } from '../support/eventually.ts'

const NETNS = { a: 'pr-gtsm-a', b: 'pr-gtsm-b', router: 'pr-gtsm-r', far: 'pr-gtsm-f' } as const
const ADDRESSES = {
  a: ['10.9.0.1', 'fd09::1'],
  b: ['10.9.0.2', 'fd09::2'],
  far: ['10.9.1.2', 'fd09:1::2'],
} as const
type Host = keyof typeof ADDRESSES

const path = (host: keyof typeof NETNS) => `/run/netns/${NETNS[host]}`
const ip = (host: keyof typeof NETNS, lines: readonly string[]) =>
  run('ip', ['-n', NETNS[host], '-batch', '-'], { input: `${lines.join('\n')}\n` })

/** Connects as versions before GTSM did: with the TTL that the system has. */
function formerTransport(host: Host): Transport {
  return {
    ...kernelTransport(path(host)),
    connect(options, handlers) {
      const fd = withNetns(path(host), () => socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0))
      const stream = new Socket({ fd }).connect({ host: options.address, port: options.port })
      const connection = new SocketConnection(stream, { options })
      connection.handle(handlers)
      return connection
    },
  }
}

describe('BGP sessions with TTL security', () => {
  let speakers: Speaker[]

  before(async () => {
    await removeAll()
    for (const name of Object.values(NETNS)) await run('ip', ['netns', 'add', name])
    // A bridge in the router is the link of a and b; far has a link of its own.
    await ip('router', [
      'link set lo up',
      'link add lan address 02:00:00:00:09:00 type bridge forward_delay 0',
      ...(['a', 'b', 'far'] as const).map(
        (host) => `link add to-${host} type veth peer name eth0 netns ${NETNS[host]}`,
      ),
      ...['a', 'b'].map((host) => `link set to-${host} master lan up`),
      ...['link set lan up', 'link set to-far up'],
      ...['10.9.0.254/24 dev lan', 'fd09::ff/64 dev lan nodad'].map((text) => `address add ${text}`),
      ...['10.9.1.254/24 dev to-far', 'fd09:1::ff/64 dev to-far nodad'].map((text) => `address add ${text}`),
    ])
    for (const host of ['a', 'b', 'far'] as const) {
      const [v4, v6] = ADDRESSES[host]
      const [gateway4, gateway6] = host === 'far' ? ['10.9.1.254', 'fd09:1::ff'] : ['10.9.0.254', 'fd09::ff']
      await ip(host, [
        ...['link set lo up', `address add ${v4}/24 dev eth0`, `address add ${v6}/64 dev eth0 nodad`],
        ...['link set eth0 up', `route add default via ${gateway4}`, `route add ::/0 via ${gateway6}`],
      ])
    }
    for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
      await run('ip', ['netns', 'exec', NETNS.router, 'sysctl', '-qw', `${name}=1`])
  })
  after(removeAll)
  beforeEach(() => {
    speakers = []
  })
  afterEach(() => Promise.all(speakers.map((speaker) => speaker.close())))

  async function start(host: Host, routerId: string, transport = kernelTransport(path(host))) {
    const listen = { addresses: ADDRESSES[host], port: 179 }
    const speaker = new Speaker({ asn: 64512, routerId, listen, transport })
    speakers.push(speaker)
    await speaker.start()
    return speaker
  }
  const peer = (own: Host, other: Host, index: 0 | 1, more: Partial<PeerConfig> = {}): PeerConfig => ({
    ...{ address: ADDRESSES[other][index], localAddress: ADDRESSES[own][index], asn: 64512 },
    ...{ families: ['ipv4-unicast'], connectRetryTime: 1, ...more },
  })
  const SECURE = { ttlSecurityHops: 1 }
  const isUp = (speaker: Speaker) => speaker.peers()[0]?.state === 'established'

  for (const [index, family] of [
    [0, 'IPv4'],
    [1, 'IPv6'],
  ] as const) {
    it(`are up on a link, over ${family}`, async () => {
      const [a, b] = [await start('a', '1.1.1.1'), await start('b', '2.2.2.2')]
      a.addPeer(peer('a', 'b', index, SECURE))
      b.addPeer(peer('b', 'a', index, SECURE))
      await eventually(() => isUp(a) && isUp(b))
    })

    it(`are refused from two hops away, over ${family}`, async () => {
      const [a, far] = [await start('a', '1.1.1.1'), await start('far', '2.2.2.2')]
      a.addPeer(peer('a', 'far', index, { ...SECURE, passive: true }))
      far.addPeer(peer('far', 'a', index))
      const refusals = () => (a.peers()[0]?.lastDown as { error?: string } | undefined)?.error
      await eventually(() => refusals()?.includes('GTSM'))
      expect([isUp(a), isUp(far)]).to.deep.equal([false, false])
      // What is refused is the distance, and nothing else.
      a.updatePeer(peer('a', 'far', index, { ttlSecurityHops: 2, passive: true }))
      await eventually(() => isUp(a) && isUp(far))
    })

    it(`reach as far as the TTL that is set, and no further, over ${family}`, async () => {
      const [a, far] = [await start('a', '1.1.1.1'), await start('far', '2.2.2.2')]
      far.addPeer(peer('far', 'a', index, { passive: true }))
      a.addPeer(peer('a', 'far', index, { ttl: 1 }))
      // The router says that it went no further.
      await eventually(() => counted('a', index === 0 ? 'IcmpInTimeExcds' : 'Icmp6InTimeExcds'))
      expect([isUp(a), isUp(far)]).to.deep.equal([false, false])
      a.updatePeer(peer('a', 'far', index, { ttl: 2 }))
      await eventually(() => isUp(a) && isUp(far))
      // And the other way round, on a connection that was accepted.
      a.updatePeer(peer('a', 'far', index, { ttl: 2, passive: true }))
      far.updatePeer(peer('far', 'a', index, { ttl: 2 }))
      far.resetPeer(ADDRESSES.a[index])
      await eventually(() => isUp(a) && isUp(far))
    })

    it(`do not reach two hops, over ${family}`, async () => {
      const [a, far] = [await start('a', '1.1.1.1'), await start('far', '2.2.2.2')]
      far.addPeer(peer('far', 'a', index, { passive: true }))
      a.addPeer(peer('a', 'far', index, SECURE))
      const { rejected } = await ttlDrops('a', () => eventually(() => a.peers()[0]?.state === 'connect'))
      expect(rejected).to.be.greaterThan(0)
      expect([isUp(a), isUp(far)]).to.deep.equal([false, false])
    })
  }

  for (const [who, routerIds] of [
    ['whose own connection would win', ['1.1.1.1', '2.2.2.2']],
    ['whose own connection would lose', ['2.2.2.2', '1.1.1.1']],
  ] as const)
    it(`are up with a node of a version before, ${who}`, async () => {
      const a = await start('a', routerIds[0])
      const b = await start('b', routerIds[1], formerTransport('b'))
      // Both connect at once.
      b.addPeer(peer('b', 'a', 0))
      a.addPeer(peer('a', 'b', 0, SECURE))
      await eventually(() => isUp(a) && isUp(b))
    })

  it('are up with a router that has TTL security, though this node asks for none', async () => {
    const [a, b] = [await start('a', '1.1.1.1'), await start('b', '2.2.2.2')]
    b.addPeer(peer('b', 'a', 0, { ...SECURE, passive: true }))
    a.addPeer(peer('a', 'b', 0))
    await eventually(() => isUp(a) && isUp(b))
  })
})

/** How many segments the kernel dropped for their TTL (TCPMinTTLDrop) while `action` ran, and until there is one. */
async function ttlDrops(host: Host, action: () => Promise<unknown>): Promise<{ readonly rejected: number }> {
  const count = () => counted(host, 'TcpExtTCPMinTTLDrop')
  const before = await count()
  await action()
  await eventually(async () => (await count()) > before)
  return { rejected: (await count()) - before }
}

/** A counter of the kernel since the namespace was made. */
async function counted(host: Host, name: string): Promise<number> {
  const text = await run('ip', ['netns', 'exec', NETNS[host], 'nstat', '-asz', name])
  return Number(new RegExp(`${name}\\s+(\\d+)`).exec(text)?.[1])
}

async function removeAll(): Promise<void> {
  for (const name of Object.values(NETNS)) await run('ip', ['netns', 'delete', name]).catch(() => {})
}
