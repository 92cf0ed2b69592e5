import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from '@podroute/linux/packet/filter.ts'
import { expect } from 'chai'
import type { Captured } from './captured.ts'
import { packetLine, packetReport } from './lines.ts'
import { type Packet, readPacket } from './packet.ts'
import { isWanted, withNeighbours } from './wanted.ts'

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

const IPV4 = (protocol: string, body: string, fragment = '0000') =>
  `4500 ${(20 + body.replaceAll(' ', '').length / 2).toString(16).padStart(4, '0')} 0000 ${fragment} 40 ${protocol} 0000 0af40105 0a60000a ${body}`
const IPV6 = (next: string, body: string) =>
  `60000000 ${(body.replaceAll(' ', '').length / 2).toString(16).padStart(4, '0')} ${next} 40 fd100000000000000000000000000005 fd20000000000000000000000000000a ${body}`
const SYN = '9c40 0050 00000001 00000000 5002 ffff 0000 0000'
const UDP = '9c40 0035 000b 0000 616263'

/** Name, EtherType, bytes, and what they say: protocol, ports, detail, payload. */
const VECTORS: readonly (readonly [string, number, string, readonly unknown[]])[] = [
  ['TCP', ETH_P_IP, IPV4('06', SYN), ['tcp', 40000, 80, 'SYN', 0]],
  [
    'TCP with data',
    ETH_P_IP,
    IPV4('06', `${SYN.replace('5002', '5018')} 6162`),
    ['tcp', 40000, 80, 'PSH, ACK', 2],
  ],
  ['TCP, IPv6', ETH_P_IPV6, IPV6('06', SYN), ['tcp', 40000, 80, 'SYN', 0]],
  ['UDP', ETH_P_IP, IPV4('11', UDP), ['udp', 40000, 53, '', 3]],
  ['UDP behind options', ETH_P_IPV6, IPV6('00', `1100000000000000 ${UDP}`), ['udp', 40000, 53, '', 3]],
  ['the first fragment', ETH_P_IPV6, IPV6('2c', `1100000100000001 ${UDP}`), ['udp', 40000, 53, '', 3]],
  [
    'a later fragment',
    ETH_P_IPV6,
    IPV6('2c', '1100 0009 00000001 61626364'),
    ['udp', undefined, undefined, 'fragment', 4],
  ],
  [
    'a later fragment, IPv4',
    ETH_P_IP,
    IPV4('11', '61626364', '0009'),
    ['udp', undefined, undefined, 'fragment', 4],
  ],
  [
    'an echo',
    ETH_P_IP,
    IPV4('01', '0800 0000 0007 0001'),
    ['icmp', undefined, undefined, 'echo request 7.1', 8],
  ],
  [
    'an echo, IPv6',
    ETH_P_IPV6,
    IPV6('3a', '8100 0000 0007 0001'),
    ['icmpv6', undefined, undefined, 'echo reply 7.1', 8],
  ],
  [
    'a neighbour that is looked for',
    ETH_P_IPV6,
    IPV6('3a', '8700 0000 00000000 fd200000000000000000000000000009'),
    ['icmpv6', undefined, undefined, 'neighbour solicitation for fd20::9', 24],
  ],
  ['another protocol', ETH_P_IP, IPV4('2f', '00000000'), ['protocol 47', undefined, undefined, '', 4]],
  [
    'ARP',
    ETH_P_ARP,
    '0001 0800 06 04 0002 02000000000a 0af40105 000000000000 0a60000a',
    ['arp', undefined, undefined, 'is at 02:00:00:00:00:0a', 0],
  ],
]

const read = (type: number, hex: string) => readPacket(type, bytesOf(hex))!

describe('captured packets', () => {
  for (const [name, type, hex, said] of VECTORS)
    it(`are read: ${name}`, () => {
      const { protocol, source, destination, detail, payload } = read(type, hex)
      expect([protocol, source.port, destination.port, detail, payload]).to.deep.equal(said)
      const ends = type === ETH_P_IPV6 ? ['fd10::5', 'fd20::a'] : ['10.244.1.5', '10.96.0.10']
      expect([source.address, destination.address]).to.deep.equal(ends)
    })

  it('are read as far as they go, at every length', () => {
    for (const [, type, hex] of VECTORS)
      for (let length = 0; length < bytesOf(hex).length; length++) {
        const packet = readPacket(type, bytesOf(hex).subarray(0, length))
        if (packet) expect(packet.source.address).to.match(/^(10\.244\.1\.5|fd10::5)$/)
      }
    expect(readPacket(0x88cc, bytesOf(IPV4('06', SYN)))).to.equal(undefined)
  })

  const complaint = (inside: string) => read(ETH_P_IP, IPV4('01', `0304 0000 0000 0578 ${inside}`))

  it('name the packet that a message of ICMP complains of', () => {
    const { detail, about } = complaint(IPV4('11', UDP))
    expect([detail, about?.destination]).to.deep.equal([
      'too large, at most 1400 bytes',
      { address: '10.96.0.10', port: 53 },
    ])
  })

  it('are wanted by address and port, with complaints about them, fragments and the search for a neighbour', () => {
    const wanted = (packet: Packet, more: object) =>
      isWanted(packet, { addresses: [], ports: [], except: [], ...more })
    const tcp = read(ETH_P_IP, IPV4('06', SYN))
    expect(wanted(tcp, { addresses: ['10.96.0.10'] })).to.equal(true)
    expect(wanted(tcp, { addresses: ['10.96.0.11'] })).to.equal(false)
    expect(wanted(tcp, { ports: [80, 443] })).to.equal(true)
    expect(wanted(tcp, { ports: [443] })).to.equal(false)
    expect(wanted(tcp, { addresses: ['10.244.1.5'], ports: [80], except: [40000] })).to.equal(false)
    const fragment = read(ETH_P_IP, IPV4('11', '61626364', '0009'))
    expect(wanted(fragment, { ports: [53] })).to.equal(true)
    expect(wanted(complaint(IPV4('11', UDP)), { ports: [53] })).to.equal(true)
    expect(wanted(complaint(IPV4('11', UDP)), { ports: [54] })).to.equal(false)
    const echo = read(ETH_P_IP, IPV4('01', '0800 0000 0007 0001'))
    expect([wanted(echo, {}), wanted(echo, { ports: [53] })]).to.deep.equal([true, false])
    expect(withNeighbours(['10.0.0.1', 'fd20::1:2345'])).to.deep.equal([
      ...['10.0.0.1', 'fd20::1:2345', 'ff02::1:ff01:2345'],
    ])
  })

  it('are lines with names for addresses', () => {
    const captured: Captured = {
      ...{ node: '', link: 'veth1', place: 'pod', direction: 'in', protocol: ETH_P_IP, length: 40 },
      ...{ time: 1_767_323_045_000_001_000n, bytes: bytesOf(IPV4('06', SYN)) },
    }
    const names = new Map([['10.96.0.10', 'svc/default/web']])
    const report = packetReport(captured, read(ETH_P_IP, IPV4('06', SYN)), names)
    expect(packetLine(report)).to.match(
      /^03:04:05\.000001 veth1 +pod +in {2}10\.244\.1\.5:40000 > svc\/default\/web:80 tcp SYN, 0 bytes$/,
    )
    const nodes = packetLine(packetReport({ ...captured, node: 'n1' }, complaint(IPV4('11', UDP)), names))
    expect(nodes).to.include(' n1 ').and.include('about 10.244.1.5:40000 > svc/default/web:53 udp')
    const six = packetLine(packetReport(captured, read(ETH_P_IPV6, IPV6('06', SYN)), new Map()))
    expect(six).to.include('[fd10::5]:40000 > [fd20::a]:80')
  })
})
