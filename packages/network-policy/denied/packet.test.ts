import { expect } from 'chai'
import { readPacketEnds } from './packet.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/ /g, ''), 'hex'))
const V4_UDP = hex('46000024 00004000 4011 0000 0a010002 c0000209 01010101 9c40 0035 0008 0000')
const V6_TCP = hex(
  '60000000 0014 06 40 fd100000000000000000000000000002 20010db8000000000000000000000009 9c41 01bb 0000000000000000',
)
const V6_ICMP = hex(
  '60000000 0008 3a 40 fd100000000000000000000000000002 20010db8000000000000000000000009 8000',
)

describe('a packet that was logged', () => {
  it('has its ends and ports, with options of IPv4 or without', () => {
    expect(readPacketEnds(V4_UDP)).to.deep.equal({
      ...{ source: '10.1.0.2', destination: '192.0.2.9', protocol: 'udp', sourcePort: 40_000, port: 53 },
    })
    expect(readPacketEnds(V6_TCP)).to.deep.equal({
      ...{ source: 'fd10::2', destination: '2001:db8::9', protocol: 'tcp', sourcePort: 40_001, port: 443 },
    })
    expect(readPacketEnds(V6_ICMP)).to.deep.equal({
      ...{ source: 'fd10::2', destination: '2001:db8::9', protocol: 'icmpv6' },
    })
  })

  it('may be cut off anywhere', () => {
    for (const [packet, header] of [
      [V4_UDP, 20],
      [V6_TCP, 40],
    ] as const)
      for (let length = 0; length < packet.length; length++) {
        const ends = readPacketEnds(packet.subarray(0, length))
        expect(ends !== undefined, String(length)).to.equal(length >= header)
        expect(ends?.port !== undefined, String(length)).to.equal(
          length >= header + (packet === V4_UDP ? 4 : 0) + 4,
        )
      }
  })
})
