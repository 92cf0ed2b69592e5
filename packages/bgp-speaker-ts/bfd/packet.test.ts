import { expect } from 'chai'
import { type BfdPacket, decodePacket, diagnosticName, encodePacket, SESSION_STATES } from './packet.ts'
import { seeded, testSeed } from './testing/random.ts'

interface Vector {
  readonly name: string
  readonly source: string
  readonly hex: string
  readonly packet: BfdPacket
}

const PLAIN = {
  diagnostic: 0,
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  requiredMinEchoRx: 0,
} as const

const VECTORS: readonly Vector[] = [
  {
    name: 'a first packet: down, nothing known of the neighbour',
    source: 'by hand from RFC 5880 4.1',
    hex: '20400318 01020304 00000000 000f4240 000493e0 00000000',
    packet: {
      ...PLAIN,
      state: 'down',
      detectMultiplier: 3,
      myDiscriminator: 0x01020304,
      yourDiscriminator: 0,
      desiredMinTx: 1_000_000,
      requiredMinRx: 300_000,
    },
  },
  {
    name: 'up with a poll, the highest bits of all numbers set',
    source: 'by hand from RFC 5880 4.1',
    hex: '20e0ff18 ffffffff 80000000 fffffffe 80000001 c0000000',
    packet: {
      ...PLAIN,
      state: 'up',
      poll: true,
      detectMultiplier: 255,
      myDiscriminator: 0xffffffff,
      yourDiscriminator: 0x80000000,
      desiredMinTx: 0xfffffffe,
      requiredMinRx: 0x80000001,
      requiredMinEchoRx: 0xc0000000,
    },
  },
  {
    name: 'init with final, control plane independent, demand and diagnostic 31',
    source: 'by hand from RFC 5880 4.1',
    hex: '3f9a0118 00000001 00000002 00000003 00000004 00000005',
    packet: {
      diagnostic: 31,
      state: 'init',
      poll: false,
      final: true,
      controlPlaneIndependent: true,
      demand: true,
      detectMultiplier: 1,
      myDiscriminator: 1,
      yourDiscriminator: 2,
      desiredMinTx: 3,
      requiredMinRx: 4,
      requiredMinEchoRx: 5,
    },
  },
  {
    name: 'administratively down, with a simple password',
    source: 'by hand from RFC 5880 4.1 and 4.2',
    hex: '27040521 0000000a 0000000b 000f4240 000f4240 00000000 0109 07 736563726574',
    packet: {
      ...PLAIN,
      diagnostic: 7,
      state: 'admin-down',
      detectMultiplier: 5,
      myDiscriminator: 10,
      yourDiscriminator: 11,
      desiredMinTx: 1_000_000,
      requiredMinRx: 1_000_000,
      authentication: fromHex('0109 07 736563726574'),
    },
  },
  {
    name: 'the first packet of BIRD',
    source: 'captured from BIRD 2.0.12',
    hex: '20400518 f5759da8 00000000 000f4240 000186a0 00000000',
    packet: {
      ...PLAIN,
      state: 'down',
      detectMultiplier: 5,
      myDiscriminator: 0xf5759da8,
      yourDiscriminator: 0,
      desiredMinTx: 1_000_000,
      requiredMinRx: 100_000,
    },
  },
  {
    name: 'a final of BIRD',
    source: 'captured from BIRD 2.0.12',
    hex: '20d00518 f5759da8 393c3924 000186a0 000186a0 00000000',
    packet: {
      ...PLAIN,
      state: 'up',
      final: true,
      detectMultiplier: 5,
      myDiscriminator: 0xf5759da8,
      yourDiscriminator: 0x393c3924,
      desiredMinTx: 100_000,
      requiredMinRx: 100_000,
    },
  },
  {
    name: 'a poll of FRR, which can echo',
    source: 'captured from bfdd of FRR 8.4.4',
    hex: '20e00518 7d4f9b10 ee79fe4f 000186a0 000186a0 0000c350',
    packet: {
      ...PLAIN,
      state: 'up',
      poll: true,
      detectMultiplier: 5,
      myDiscriminator: 0x7d4f9b10,
      yourDiscriminator: 0xee79fe4f,
      desiredMinTx: 100_000,
      requiredMinRx: 100_000,
      requiredMinEchoRx: 50_000,
    },
  },
]

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

const valid = () => fromHex(VECTORS[0]!.hex)

function changed(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = valid()
  change(bytes)
  return bytes
}

describe('a BFD control packet', () => {
  for (const { name, hex, packet } of VECTORS) {
    it(`decodes and encodes: ${name}`, () => {
      expect(decodePacket(fromHex(hex))).to.deep.equal({ kind: 'packet', packet })
      expect(Buffer.from(encodePacket(packet)).toString('hex')).to.equal(hex.replaceAll(' ', ''))
    })

    it(`is discarded at every truncation: ${name}`, () => {
      const bytes = fromHex(hex)
      for (let length = 0; length < bytes.length; length++)
        expect(decodePacket(bytes.subarray(0, length))).to.deep.equal({
          kind: 'discard',
          reason: 'truncated',
        })
    })
  }

  it('ignores what follows its own length', () => {
    const bytes = fromHex(`${VECTORS[0]!.hex} ffffffff`)
    expect(decodePacket(bytes)).to.deep.equal({ kind: 'packet', packet: VECTORS[0]!.packet })
  })

  for (const [reason, bytes] of [
    ['bad-version', changed((b) => (b[0] = 0x00))],
    ['bad-version', changed((b) => (b[0] = 0x40))],
    ['bad-length', changed((b) => (b[3] = 23))],
    ['bad-length', fromHex('20440318 01020304 00000000 000f4240 000493e0 00000000')],
    ['truncated', changed((b) => (b[3] = 25))],
    ['zero-detect-multiplier', changed((b) => (b[2] = 0))],
    ['multipoint', changed((b) => (b[1]! |= 1))],
    ['zero-my-discriminator', changed((b) => b.fill(0, 4, 8))],
    ['zero-your-discriminator', changed((b) => (b[1] = 0x80))],
    ['zero-your-discriminator', changed((b) => (b[1] = 0xc0))],
    ['poll-and-final', changed((b) => (b[1]! |= 0x30))],
    ['bad-authentication', fromHex('2044031a 01020304 00000000 000f4240 000493e0 00000000 0103')],
  ] as const) {
    it(`is discarded for ${reason}: ${Buffer.from(bytes).toString('hex')}`, () => {
      expect(decodePacket(bytes)).to.deep.equal({ kind: 'discard', reason })
    })
  }

  it('names every diagnostic, also the reserved ones', () => {
    expect(diagnosticName(1)).to.equal('control detection time expired')
    expect(diagnosticName(9)).to.equal('reserved 9')
  })

  const seed = testSeed()
  it(`survives mutations: decodes to something that encodes to the same, or is discarded (SEED=${seed})`, () => {
    const random = seeded(seed)
    let packets = 0
    for (let run = 0; run < 20_000; run++) {
      const bytes = mutate(fromHex(VECTORS[run % VECTORS.length]!.hex), random)
      const decoded = decodePacket(bytes)
      if (decoded.kind === 'discard') continue
      packets++
      expect(SESSION_STATES).to.include(decoded.packet.state)
      // A length of more than the fixed part says nothing without authentication: ours is exact.
      if (decoded.packet.authentication === undefined) bytes[3] = 24
      expect(encodePacket(decoded.packet)).to.deep.equal(bytes.subarray(0, bytes[3]))
    }
    expect(packets).to.be.greaterThan(1000)
  })
})

function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const below = (limit: number) => Math.floor(random() * limit)
  for (let count = below(4); count > 0; count--) bytes[below(bytes.length)] = below(256)
  return random() < 0.1 ? bytes.subarray(0, below(bytes.length + 1)) : bytes
}
