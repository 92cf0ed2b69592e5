/** `podroute capture` on real packets: two pods on a bridge, and a host behind the node's uplink. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPackets, type RawPacket } from '@podroute/linux/packet/socket.ts'
import { expect } from 'chai'
import { attempt, run } from '../../lab/command.ts'
import { eventually } from '../support/eventually.ts'

const [NODE, ONE, TWO, OUT] = ['pr-cap-node', 'pr-cap-one', 'pr-cap-two', 'pr-cap-out'] as const
const ALL = [NODE, ONE, TWO, OUT]
const MAIN = join(import.meta.dirname, '../../packages/cli/main.ts')
/** IPv4, IPv6 */
const PODS = { one: ['10.97.1.2', 'fd97:1::2'], two: ['10.97.1.3', 'fd97:1::3'] } as const
const OUTSIDE = ['10.97.2.2', 'fd97:2::2'] as const

const SETUP = `
for n in ${ALL.join(' ')}; do ip netns add $n; ip -n $n link set lo up; done
ip netns exec ${NODE} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for n in ${TWO} ${OUT}; do ip netns exec $n sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0; done
ip -n ${NODE} link add br0 type bridge; ip -n ${NODE} link set br0 up
ip -n ${NODE} address add 10.97.1.1/24 dev br0; ip -n ${NODE} address add fd97:1::1/64 dev br0 nodad
for pod in "${ONE} one 2" "${TWO} two 3"; do
  set -- $pod
  ip -n ${NODE} link add $2 type veth peer name eth0 netns $1
  ip -n ${NODE} link set $2 master br0 up; ip -n $1 link set eth0 up
  ip -n $1 address add 10.97.1.$3/24 dev eth0; ip -n $1 address add fd97:1::$3/64 dev eth0 nodad
  ip -n $1 route add default via 10.97.1.1; ip -n $1 route add default via fd97:1::1
done
ip -n ${NODE} link add uplink type veth peer name eth0 netns ${OUT}
ip -n ${NODE} link set uplink up; ip -n ${OUT} link set eth0 up
ip -n ${NODE} address add 10.97.2.1/24 dev uplink; ip -n ${NODE} address add fd97:2::1/64 dev uplink nodad
ip -n ${OUT} address add 10.97.2.2/24 dev eth0; ip -n ${OUT} address add fd97:2::2/64 dev eth0 nodad
ip -n ${OUT} route add 10.97.1.0/24 via 10.97.2.1; ip -n ${OUT} route add fd97:1::/64 via fd97:2::1
`

const SEND = `
import socket, sys
for to in sys.argv[2:]:
  s = socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET, socket.SOCK_DGRAM)
  s.bind(('', 4000))
  s.sendto(b'hello', (to, int(sys.argv[1])))
`

/** A datagram from port 4000 to each. */
const send = (netns: string, port: number, ...to: readonly string[]) =>
  run('ip', ['netns', 'exec', netns, 'python3', '-c', SEND, String(port), ...to])

const KNOCK = `
import socket, sys
for to in sys.argv[1:]:
  s = socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET)
  s.settimeout(1)
  try: s.connect((to, 9))
  except ConnectionRefusedError: pass
`

/** Whether all refuse a connection: they are there. */
const knock = async (netns: string, ...to: readonly string[]) =>
  (await attempt('ip', ['netns', 'exec', netns, 'python3', '-c', KNOCK, ...to])).code === 0

interface Seen {
  readonly link: string
  readonly place: string
  readonly direction: string
  readonly protocol: string
  readonly source: { readonly address: string; readonly port?: number }
  readonly destination: { readonly address: string; readonly port?: number }
  readonly detail: string
}

class Capture implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly ended: Promise<number>
  output = ''
  said = ''

  constructor(...args: readonly string[]) {
    const all = [MAIN, 'capture', '--netns', NODE, '--socket', '/nonexistent', '--duration', '60s', ...args]
    this.#child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.said += text
    })
    this.ended = once(this.#child, 'close').then(([code]) => code)
  }

  static async open(...args: readonly string[]): Promise<Capture> {
    const capture = new Capture(...args)
    await eventually(() => capture.said.includes('listens at'), 30_000)
    return capture
  }

  get packets(): readonly Seen[] {
    return this.output.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  }

  interrupt(): void {
    this.#child.kill('SIGINT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}

describe('podroute capture', function () {
  this.timeout(60_000)
  const directory = mkdtempSync(join(tmpdir(), 'podroute-capture-'))
  const remove = () =>
    run('sh', ['-ec', `for n in ${ALL.join(' ')}; do [ ! -e /run/netns/$n ] || ip netns delete $n; done`])

  before(async () => {
    await remove()
    await run('sh', ['-ec', SETUP])
    // Neighbours are known, and addresses of links are in use, so that what is asked for is all that comes.
    for (const netns of [ONE, TWO])
      await eventually(() => knock(netns, ...(netns === ONE ? PODS.two : PODS.one), ...OUTSIDE))
  })
  after(async () => {
    await remove()
    rmSync(directory, { recursive: true })
  })

  it('shows a packet at each place, on its way out and in, in both families, and what refuses it', async () => {
    await using capture = await Capture.open([...PODS.one, ...OUTSIDE].join(','), '-o', 'json')
    expect(capture.said).to.include('listens at 2 pods, bridge br0, uplink uplink, loopback lo')
    await send(ONE, 5300, ...OUTSIDE)
    const WAY = ['one in', 'br0 in', 'uplink out']
    for (const [i, outside] of OUTSIDE.entries()) {
      const pod = PODS.one[i]!
      const of = (from: string, protocol: string) =>
        capture.packets.filter((packet) => packet.source.address === from && packet.protocol === protocol)
      await eventually(() => of(outside, i === 0 ? 'icmp' : 'icmpv6').filter(isRefusal).length === 3)
      const asked = of(pod, 'udp')
      expect(asked.map(({ link, direction }) => `${link} ${direction}`)).to.deep.equal(WAY)
      expect(asked[0]).to.deep.include({
        ...{
          place: 'pod',
          source: { address: pod, port: 4000 },
          destination: { address: outside, port: 5300 },
        },
      })
      const refused = of(outside, i === 0 ? 'icmp' : 'icmpv6').filter(isRefusal)
      expect(refused.map(({ link, direction }) => `${link} ${direction}`)).to.have.members([
        ...['uplink in', 'br0 out', 'one out'],
      ])
    }
  })

  it('shows what is asked for alone: ports, places, and so many packets', async () => {
    await using capture = await Capture.open(
      ...[PODS.one.join(','), '--port', '5301', '--at', 'pod', '--count', '8', '-o', 'json'],
    )
    await send(ONE, 5302, ...PODS.two)
    await send(TWO, 5301, ...OUTSIDE)
    await send(ONE, 5301, ...PODS.two)
    expect(await capture.ended).to.equal(0)
    // Each datagram and what refuses it, at two pods.
    const where = ['one in', 'two out', 'two in', 'one out']
    expect(capture.packets.map(({ link, direction }) => `${link} ${direction}`)).to.have.members([
      ...[...where, ...where],
    ])
  })

  it('writes a file that others read, and ends well with Ctrl-C', async () => {
    const file = join(directory, 'packets.pcapng')
    await using capture = await Capture.open(OUTSIDE[0], '--port', '5303', '--write', file)
    await send(ONE, 5303, OUTSIDE[0])
    const read = () => fieldsIn(file)
    const out = `uplink\tuplink\t4\t${PODS.one[0]}\t5303`
    await eventually(async () => (await read()).includes(out))
    capture.interrupt()
    expect(await capture.ended).to.equal(0)
    expect(await read()).to.include(`one\tpod\t0\t${PODS.one[0]}\t5303`)
    expect(capture.said).to.match(/\d+ packets\n$/)
  })

  it('says what it needs where it may not listen', async () => {
    const args = ['--bounding-set=-net_raw', process.execPath, MAIN, 'capture', '192.0.2.1']
    const { code, stderr } = await attempt('setpriv', args)
    expect(code).to.equal(1)
    expect(stderr).to.include('capture needs CAP_NET_RAW').and.include('kubectl podroute capture')
  })

  it('has the kernel keep what nobody asked for, also of hundreds of addresses', async () => {
    const others = Array.from({ length: 120 }, (_, i) => [`192.0.2.${i}`, `2001:db8::${i}`]).flat()
    for (const [addresses, ports] of [
      [[...others, ...OUTSIDE], [5304]],
      [others.slice(0, 60).concat(OUTSIDE), [5304, 5305]],
      [[], [5304]],
    ] as const) {
      const heard: RawPacket[] = []
      const packets = openPackets({ filter: { addresses, ports }, keep: 256, netns: NODE }, (packet) =>
        heard.push(packet),
      )
      try {
        await send(ONE, 5306, ...OUTSIDE)
        await send(TWO, 5304, ...OUTSIDE)
        // Three places in each of two families.
        const asked = () => heard.filter(({ bytes }) => portIn(bytes) === 5304)
        await eventually(() => asked().length === 6)
        if (addresses.length < 200)
          expect(heard.filter(({ bytes }) => portIn(bytes) === 5306)).to.deep.equal([])
        expect(packets.lost()).to.equal(0)
      } finally {
        packets.close()
      }
    }
  })
})

const isRefusal = ({ detail }: Seen) => /^port unreachable, about .*:5300 udp$/.test(detail)

/** Of UDP; undefined for all else. */
function portIn(bytes: Uint8Array): number | undefined {
  const isIpv6 = bytes[0]! >> 4 === 6
  if (bytes[isIpv6 ? 6 : 9] !== 17) return undefined
  return Buffer.from(bytes).readUInt16BE(isIpv6 ? 42 : 22)
}

/** Interface, its description, direction, source and port of each datagram, by Wireshark. */
async function fieldsIn(file: string): Promise<readonly string[]> {
  const names = [
    'frame.interface_name',
    'frame.interface_description',
    'sll.pkttype',
    'ip.src',
    'udp.dstport',
  ]
  const { stdout } = await attempt('tshark', [
    ...['-n', '-r', file, '-Y', 'udp && !icmp', '-T', 'fields'],
    ...names.flatMap((name) => ['-e', name]),
  ])
  return stdout.split('\n')
}
