// Optional parameters of the OPEN that need more than 255 bytes (RFC 9072).
import { expect } from 'chai'
import { fromHex, toHex } from './attributes.ts'
import { decodeMessage, encodeMessage, type Message } from './message.ts'

const CONTEXT = { fourOctetAs: true, internal: false, localAsn: 0, addPath4: false, addPath6: false }
const HEAD = `${'ff'.repeat(16)}`
const FIXED = '04 fc00 005a 0a000001'
const decode = (hex: string) => decodeMessage(fromHex(hex), CONTEXT).message

/** An OPEN whose capabilities take `count` times 6 bytes of parameters. */
const openOf = (count: number): Message => ({
  kind: 'open',
  asn: 64512,
  holdTime: 90,
  routerId: 0x0a000001,
  capabilities: Array.from({ length: count }, (_, i) => ({
    kind: 'unknown',
    code: 200,
    value: Uint8Array.of(i >> 8, i),
  })),
})

describe('optional parameters of an OPEN (RFC 9072)', () => {
  it('have lengths of one byte while they fit', () => {
    const bytes = encodeMessage(openOf(42))
    expect(bytes.length).to.equal(29 + 42 * 6)
    expect(bytes[28]).to.equal(252)
    expect(decodeMessage(bytes, CONTEXT).message).to.deep.equal(openOf(42))
  })

  it('have lengths of two bytes after the type 255 when they do not', () => {
    const bytes = encodeMessage(openOf(43))
    expect(toHex(bytes.subarray(28, 35))).to.equal('ffff012d020004')
    expect(bytes.length).to.equal(32 + 43 * 7)
    expect(decodeMessage(bytes, CONTEXT).message).to.deep.equal(openOf(43))
    expect(decodeMessage(encodeMessage(openOf(500)), CONTEXT).message).to.deep.equal(openOf(500))
  })

  it('are read in that form whatever the one-byte length says, and though they would fit the other', () => {
    for (const old of ['ff', '01']) {
      const good = `${HEAD}0027 01 ${FIXED} ${old} ff 0007 02 0004 c802 0000`
      expect(decode(good)).to.deep.equal(openOf(1))
    }
  })

  it('whose two-byte lengths do not fit the message are refused with 2/0', () => {
    for (const length of ['0006', '0008', 'ffff'])
      expect(() => decode(`${HEAD}0027 01 ${FIXED} ff ff ${length} 02 0004 c802 0000`))
        .to.throw()
        .that.includes({ code: 2, subcode: 0 })
  })
})
