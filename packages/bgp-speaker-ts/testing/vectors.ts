// Test vectors: messages in hex and as objects. Each decodes to its object and encodes back to its bytes.
import type { Message } from '../packet/message.ts'

export interface Vector {
  readonly name: string
  /** The origin of the bytes. */
  readonly source: string
  readonly hex: string
  readonly message: Message
  /** NLRI have path identifiers (RFC 7911). */
  readonly pathIds?: true
}

const MARKER = 'ffffffffffffffffffffffffffffffff'
const many = (count: number) => Array.from({ length: count }, (_, i) => i)
const hex16 = (value: number) => value.toString(16).padStart(4, '0')
const bytes = (...values: number[]) => Uint8Array.from(values)
const nothing = { withdrawn: [], attributes: {}, nlri: [] }

export const VECTORS: readonly Vector[] = [
  { name: 'KEEPALIVE', source: 'RFC 4271 4.4', hex: `${MARKER}001304`, message: { kind: 'keepalive' } },
  {
    name: 'OPEN without parameters',
    source: 'RFC 4271 4.2',
    hex: `${MARKER}001d01 04 fc00 005a 0a000001 00`,
    message: { kind: 'open', asn: 64512, holdTime: 90, routerId: 0x0a000001, capabilities: [] },
  },
  {
    name: 'OPEN with every capability',
    source: 'RFC 4760 8, 2918 2, 8950 4, 8654 3, 4724 3, 6793 3, 7911 4, 7313 3.1',
    hex: `${MARKER}006501 04 5ba0 00b4 c0000201 48
      0206 010400010001 0206 010400020001 0202 0200 0208 0506 000100010002 0202 0600
      020c 400a c078 00010180 00020100 0206 4104 fa56ea01 020a 4508 00010103 00020101 0202 4600`,
    message: {
      kind: 'open',
      asn: 4_200_000_001,
      holdTime: 180,
      routerId: 0xc0000201,
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'multiprotocol', afi: 2, safi: 1 },
        { kind: 'route-refresh' },
        { kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
        { kind: 'extended-message' },
        {
          kind: 'graceful-restart',
          restarting: true,
          notification: true,
          time: 120,
          families: [
            { afi: 1, safi: 1, forwarding: true },
            { afi: 2, safi: 1, forwarding: false },
          ],
        },
        { kind: 'four-octet-as', asn: 4_200_000_001 },
        {
          kind: 'add-path',
          families: [
            { afi: 1, safi: 1, receive: true, send: true },
            { afi: 2, safi: 1, receive: true, send: false },
          ],
        },
        { kind: 'enhanced-route-refresh' },
      ],
    },
  },
  {
    name: 'OPEN with an unknown capability',
    source: 'RFC 5492 4',
    hex: `${MARKER}002501 04 fc00 0000 0a000001 08 0206 de04 01020304`,
    message: {
      kind: 'open',
      asn: 64512,
      holdTime: 0,
      routerId: 0x0a000001,
      capabilities: [{ kind: 'unknown', code: 222, value: bytes(1, 2, 3, 4) }],
    },
  },
  {
    name: 'NOTIFICATION with a shutdown communication',
    source: 'RFC 9003 2',
    hex: `${MARKER}001a03 06 02 04 64 6f 6e 65`,
    message: { kind: 'notification', code: 6, subcode: 2, data: bytes(4, 0x64, 0x6f, 0x6e, 0x65) },
  },
  {
    name: 'ROUTE-REFRESH',
    source: 'RFC 2918 3',
    hex: `${MARKER}001705 0002 00 01`,
    message: { kind: 'route-refresh', afi: 2, subtype: 0, safi: 1 },
  },
  {
    name: 'End-of-RIB of IPv4',
    source: 'RFC 4724 2',
    hex: `${MARKER}001702 0000 0000`,
    message: { kind: 'update', ...nothing },
  },
  {
    name: 'End-of-RIB of IPv6',
    source: 'RFC 4724 2',
    hex: `${MARKER}001d02 0000 0006 800f03 000201`,
    message: { kind: 'update', ...nothing, mpUnreach: { afi: 2, safi: 1, nlri: [] } },
  },
  {
    name: 'OPEN with long-lived graceful restart',
    source: 'RFC 9494 3.1',
    hex: `${MARKER}003501 04 fc00 005a 0a000001 18
      0204 4002 4078 0210 470e 00010180 015180 00020100 ffffff`,
    message: {
      kind: 'open',
      asn: 64512,
      holdTime: 90,
      routerId: 0x0a000001,
      capabilities: [
        { kind: 'graceful-restart', restarting: false, notification: true, time: 120, families: [] },
        {
          kind: 'long-lived-graceful-restart',
          families: [
            { afi: 1, safi: 1, forwarding: true, time: 86_400 },
            { afi: 2, safi: 1, forwarding: false, time: 0xffffff },
          ],
        },
      ],
    },
  },
  {
    name: 'OPEN with a role',
    source: 'RFC 9234 4.1',
    hex: `${MARKER}002201 04 fc00 005a 0a000001 05 0203 0901 03`,
    message: {
      kind: 'open',
      asn: 64512,
      holdTime: 90,
      routerId: 0x0a000001,
      capabilities: [{ kind: 'role', role: 3 }],
    },
  },
  {
    name: 'UPDATE with ONLY_TO_CUSTOMER',
    source: 'RFC 9234 5',
    hex: `${MARKER}003502 0000 001b 400101 00 400206 0201 0000fc01 c02304 0000fc01 400304 c0000201 100a01`,
    message: {
      kind: 'update',
      withdrawn: [],
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', asns: [64513] }],
        onlyToCustomer: 64513,
        nextHop: '192.0.2.1',
      },
      nlri: [{ prefix: '10.1.0.0/16' }],
    },
  },
  {
    name: 'UPDATE that withdraws',
    source: 'RFC 4271 4.3',
    hex: `${MARKER}002002 0009 00 100a01 1f0a020000 0000`,
    message: {
      kind: 'update',
      withdrawn: [{ prefix: '0.0.0.0/0' }, { prefix: '10.1.0.0/16' }, { prefix: '10.2.0.0/31' }],
      attributes: {},
      nlri: [],
    },
  },
  {
    name: 'UPDATE with many attributes',
    source: 'RFC 4271 5, 1997, 4360, 8092, 4456',
    hex: `${MARKER}009102 0000 0071
      400101 00 400210 0202 0000fc00 fa56ea01 0101 00000001
      800404 00000007 400504 000000c8 4006 00 c00708 0000fc00 0a000001 c00808 fc000064 ffffff01
      800904 0a000002 800a08 00000001 00000002 c01008 0002fc0000000064 c0200c 0000fc00 00000001 00000002
      400304 c0000201
      180a0101 20 c0a80001`,
    message: {
      kind: 'update',
      withdrawn: [],
      attributes: {
        origin: 'igp',
        asPath: [
          { kind: 'sequence', asns: [64512, 4_200_000_001] },
          { kind: 'set', asns: [1] },
        ],
        med: 7,
        localPref: 200,
        atomicAggregate: true,
        aggregator: { asn: 64512, address: '10.0.0.1' },
        communities: [0xfc000064, 0xffffff01],
        originatorId: 0x0a000002,
        clusterList: [1, 2],
        extendedCommunities: ['0002fc0000000064'],
        largeCommunities: [[64512, 1, 2]],
        nextHop: '192.0.2.1',
      },
      nlri: [{ prefix: '10.1.1.0/24' }, { prefix: '192.168.0.1/32' }],
    },
  },
  {
    name: 'UPDATE of IPv6 by MP_REACH_NLRI',
    source: 'RFC 4760 3, RFC 2545 3',
    hex: `${MARKER}004502 0000 002e
      800e1e 0002 01 10 fd000000000000000000000000000001 00 40 fd10000000000001
      400101 02 400206 0201 0000fdea`,
    message: {
      kind: 'update',
      withdrawn: [],
      attributes: { origin: 'incomplete', asPath: [{ kind: 'sequence', asns: [65002] }] },
      nlri: [],
      mpReach: { afi: 2, safi: 1, nextHop: 'fd00::1', nlri: [{ prefix: 'fd10:0:0:1::/64' }] },
    },
  },
  {
    name: 'UPDATE of IPv6 with a link-local next hop beside the global one',
    source: 'RFC 2545 3',
    hex: `${MARKER}005302 0000 003c
      800e2c 0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 30 fd1000000000
      400101 00 400206 0201 0000fc00`,
    message: {
      kind: 'update',
      withdrawn: [],
      attributes: { origin: 'igp', asPath: [{ kind: 'sequence', asns: [64512] }] },
      nlri: [],
      mpReach: {
        afi: 2,
        safi: 1,
        nextHop: '2001:db8::1',
        linkLocal: 'fe80::1',
        nlri: [{ prefix: 'fd10::/48' }],
      },
    },
  },
  {
    name: 'UPDATE with an unknown optional transitive attribute',
    source: 'RFC 4271 5',
    hex: `${MARKER}002c02 0000 0013 400101 00 400200 e0fe02 beef 400304 c0000201 08 0a`,
    message: {
      kind: 'update',
      withdrawn: [],
      attributes: {
        origin: 'igp',
        asPath: [],
        unknown: [{ type: 254, flags: 0xe0, value: bytes(0xbe, 0xef) }],
        nextHop: '192.0.2.1',
      },
      nlri: [{ prefix: '10.0.0.0/8' }],
    },
  },
  {
    name: 'OPEN with more than 255 bytes of parameters',
    source: 'RFC 9072 2',
    hex: `${MARKER}014d01 04 fc00 005a 0a000001 ff ff 012d
      ${many(43)
        .map((i) => `02 0004 c802 ${hex16(i)}`)
        .join('')}`,
    message: {
      kind: 'open',
      asn: 64512,
      holdTime: 90,
      routerId: 0x0a000001,
      capabilities: many(43).map((i) => ({ kind: 'unknown', code: 200, value: bytes(0, i) })),
    },
  },
  {
    name: 'NOTIFICATION of a hard reset',
    source: 'RFC 8538 3',
    hex: `${MARKER}001703 06 09 06 02`,
    message: { kind: 'notification', code: 6, subcode: 9, data: bytes(6, 2) },
  },
  {
    name: 'beginning of a route refresh',
    source: 'RFC 7313 3.2',
    hex: `${MARKER}001705 0001 01 01`,
    message: { kind: 'route-refresh', afi: 1, subtype: 1, safi: 1 },
  },
  {
    name: 'end of a route refresh',
    source: 'RFC 7313 3.2',
    hex: `${MARKER}001705 0001 02 01`,
    message: { kind: 'route-refresh', afi: 1, subtype: 2, safi: 1 },
  },
  {
    name: 'UPDATE of IPv4 with an IPv6 next hop',
    source: 'RFC 8950 3',
    hex: `${MARKER}003f02 0000 0028
      800e18 0001 01 10 fd000000000000000000000000000001 00 10 0a01
      400101 00 400206 0201 0000fdea`,
    message: {
      kind: 'update',
      withdrawn: [],
      attributes: { origin: 'igp', asPath: [{ kind: 'sequence', asns: [65002] }] },
      nlri: [],
      mpReach: { afi: 1, safi: 1, nextHop: 'fd00::1', nlri: [{ prefix: '10.1.0.0/16' }] },
    },
  },
  {
    name: 'UPDATE of IPv6 that withdraws',
    source: 'RFC 4760 4',
    hex: `${MARKER}002702 0000 0010 800f0d 0002 01 00 40 fd10000000000001`,
    message: {
      kind: 'update',
      ...nothing,
      mpUnreach: { afi: 2, safi: 1, nlri: [{ prefix: '::/0' }, { prefix: 'fd10:0:0:1::/64' }] },
    },
  },
  {
    name: 'UPDATE with path identifiers',
    source: 'RFC 7911 3',
    hex: `${MARKER}004102 0007 00000001 10 0a01 0014 400101 00 400206 0201 0000fdea 400304 c0000201
      00000002 10 0a01 ffffffff 18 0a0101`,
    message: {
      kind: 'update',
      withdrawn: [{ prefix: '10.1.0.0/16', pathId: 1 }],
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', asns: [65002] }],
        nextHop: '192.0.2.1',
      },
      nlri: [
        { prefix: '10.1.0.0/16', pathId: 2 },
        { prefix: '10.1.1.0/24', pathId: 0xffffffff },
      ],
    },
    pathIds: true,
  },
  {
    name: 'UPDATE of IPv6 with path identifiers',
    source: 'RFC 7911 3',
    hex: `${MARKER}005002 0000 0039
      800e22 0002 01 10 fd000000000000000000000000000001 00 00000007 40 fd10000000000001
      800f0a 0002 01 00000008 10 fd10
      400101 00 400200`,
    message: {
      kind: 'update',
      withdrawn: [],
      attributes: { origin: 'igp', asPath: [] },
      nlri: [],
      mpReach: {
        afi: 2,
        safi: 1,
        nextHop: 'fd00::1',
        nlri: [{ prefix: 'fd10:0:0:1::/64', pathId: 7 }],
      },
      mpUnreach: { afi: 2, safi: 1, nlri: [{ prefix: 'fd10::/16', pathId: 8 }] },
    },
    pathIds: true,
  },
  {
    name: 'UPDATE of more than 4,096 bytes, with an attribute of more than 255',
    source: 'RFC 8654 2, RFC 4271 4.3',
    hex: `${MARKER}115c02 0000 1142 400101 00 400200 d00811 30 ${many(1100)
      .map((i) => `fc00${hex16(i)}`)
      .join('')} 400304 c0000201 10 0a01`,
    message: {
      kind: 'update',
      withdrawn: [],
      attributes: {
        origin: 'igp',
        asPath: [],
        communities: many(1100).map((i) => 0xfc000000 + i),
        nextHop: '192.0.2.1',
      },
      nlri: [{ prefix: '10.1.0.0/16' }],
    },
  },
]
