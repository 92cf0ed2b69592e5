import { expect } from 'chai'
import type { Captured } from './captured.ts'
import { CaptureError } from './errors.ts'
import { PcapngReader } from './pcapng-read.ts'
import { PcapngWriter } from './pcapng-write.ts'

const captured = (more: Partial<Captured> = {}): Captured => ({
  ...{ node: '', link: 'veth1', place: 'pod', direction: 'in', protocol: 0x0800 },
  ...{ time: 1_767_323_045_123_456_789n, length: 1500, bytes: Uint8Array.of(0x45, 0, 0, 1, 255) },
  ...more,
})
const PACKETS = [
  captured(),
  captured({ link: 'br0', place: 'bridge', direction: 'out', bytes: Uint8Array.of(1, 2, 3, 4) }),
  captured({ protocol: 0x86dd, direction: 'out', bytes: new Uint8Array(0) }),
]

function written(): Buffer {
  const writer = new PcapngWriter()
  const names = writer.names([
    ['10.96.0.10', 'svc/default/dns'],
    ['fd10::5', 'default/web'],
  ])
  expect(writer.names([['10.96.0.10', 'svc/default/dns']])).to.have.length(0)
  return Buffer.concat([writer.begin(), names, ...PACKETS.map((one) => writer.packet(one)), writer.lost(7)])
}

const ALL = [
  { kind: 'begin' },
  ...PACKETS.map((packet) => ({ kind: 'packet', packet: { ...packet, node: 'node-1' } })),
  { kind: 'lost', count: 7 },
]

describe('pcapng', () => {
  it('is read as it was written, however it is cut into parts', () => {
    const bytes = written()
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new PcapngReader('node-1')
      const found = [...reader.read(bytes.subarray(0, at)), ...reader.read(bytes.subarray(at))]
      expect(found, `cut at ${at}`).to.deep.equal(ALL)
    }
    const reader = new PcapngReader('node-1')
    expect([...bytes].flatMap((byte) => [...reader.read(Uint8Array.of(byte))])).to.deep.equal(ALL)
  })

  it('says so when it is something else, and nothing else', () => {
    expect(() => new PcapngReader('').read(Buffer.from('OCI runtime exec failed'))).to.throw(CaptureError)
    const bytes = written()
    for (let at = 0; at < bytes.length; at++) {
      const broken = Buffer.from(bytes)
      broken[at]! ^= 0xff
      try {
        new PcapngReader('').read(broken)
      } catch (error) {
        expect(error, `at ${at}`).to.be.instanceOf(CaptureError)
      }
    }
  })
})
