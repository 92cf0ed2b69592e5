// BMP messages in hex and as objects, made by hand after RFC 7854 and 8671. Each decodes to its object and encodes back to its bytes.
import type { BmpMessage, BmpPeer } from '../bmp/messages.ts'
import { fromHex } from '../packet/attributes.ts'

export interface BmpVector {
  readonly name: string
  /** The section that says so. */
  readonly source: string
  readonly hex: string
  readonly message: BmpMessage
}

const OPEN = `${'ff'.repeat(16)} 001d 01 04 fc01 005a c0000202 00`
const SENT = `${'ff'.repeat(16)} 001d 01 04 fc00 005a 0a000001 00`
const UPDATE = `${'ff'.repeat(16)} 002e 02 0000 0014 400101 00 400206 0201 0000fc01 400304 c0000202 100a01`
const CEASE = `${'ff'.repeat(16)} 0015 03 06 02`

const V4 = `00 00 0000000000000000 000000000000000000000000c0000202 0000fc01 c0000202 6563a300 000007d0`
const V6 = `00 d0 0000000000000000 20010db8000000000000000000000002 fa56ea01 c0000203 00000000 00000000`

const PEER: BmpPeer = {
  type: 0,
  address: '192.0.2.2',
  asn: 64513,
  routerId: 0xc0000202,
  distinguisher: '0000000000000000',
  postPolicy: false,
  twoByteAsPath: false,
  adjRibOut: false,
  time: 1_701_028_608_002,
}
const PEER_V6: BmpPeer = {
  ...PEER,
  address: '2001:db8::2',
  asn: 4_200_000_001,
  routerId: 0xc0000203,
  postPolicy: true,
  adjRibOut: true,
  time: 0,
}

export const BMP_VECTORS: readonly BmpVector[] = [
  {
    name: 'Initiation',
    source: '4.3, 4.4',
    hex: '03 00000018 04 0001 0004 74657374 0002 0006 6e6f64652d31',
    message: {
      kind: 'initiation',
      information: [
        { type: 1, text: 'test' },
        { type: 2, text: 'node-1' },
      ],
    },
  },
  {
    name: 'Peer Up',
    source: '4.10',
    hex: `03 0000007e 03 ${V4} 000000000000000000000000c0000201 00b3 c001 ${SENT} ${OPEN}`,
    message: {
      kind: 'peer-up',
      peer: PEER,
      localAddress: '192.0.2.1',
      localPort: 179,
      remotePort: 49153,
      sentOpen: fromHex(SENT),
      receivedOpen: fromHex(OPEN),
    },
  },
  {
    name: 'Route Monitoring',
    source: '4.6',
    hex: `03 0000005e 00 ${V4} ${UPDATE}`,
    message: { kind: 'route-monitoring', peer: PEER, update: fromHex(UPDATE) },
  },
  {
    name: 'Route Monitoring of IPv6, after policy, of an Adj-RIB-Out',
    source: '4.2, RFC 8671 4',
    hex: `03 0000005e 00 ${V6} ${UPDATE}`,
    message: { kind: 'route-monitoring', peer: PEER_V6, update: fromHex(UPDATE) },
  },
  {
    name: 'Peer Down by a NOTIFICATION of ours',
    source: '4.9',
    hex: `03 00000046 02 ${V4} 01 ${CEASE}`,
    message: { kind: 'peer-down', peer: PEER, reason: 1, data: fromHex(CEASE) },
  },
  {
    name: 'Peer Down without a NOTIFICATION',
    source: '4.9',
    hex: `03 00000031 02 ${V4} 04`,
    message: { kind: 'peer-down', peer: PEER, reason: 4, data: new Uint8Array(0) },
  },
  {
    name: 'Statistics Report',
    source: '4.8, RFC 8671 6.2',
    hex: `03 0000006b 01 ${V4} 00000005
      0004 0004 00000002
      0007 0008 0000000100000002
      0009 000b 0002 01 0000000000000003
      000b 0004 00000001
      000f 0008 0000000000000007`,
    message: {
      kind: 'statistics',
      peer: PEER,
      statistics: [
        { type: 4, value: 2 },
        { type: 7, value: 2 ** 32 + 2 },
        { type: 9, value: 3, family: 'ipv6-unicast' },
        { type: 11, value: 1 },
        { type: 15, value: 7 },
      ],
    },
  },
  {
    name: 'Termination',
    source: '4.5',
    hex: '03 00000010 05 0001 0002 0000 0000 0000',
    message: { kind: 'termination', reason: 0, information: [{ type: 0, text: '' }] },
  },
  {
    name: 'a message of another type',
    source: '4.7',
    hex: '03 00000008 06 0102',
    message: { kind: 'unknown', type: 6, body: Uint8Array.of(1, 2) },
  },
]
