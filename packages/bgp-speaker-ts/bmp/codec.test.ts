// BMP messages in both directions, by vectors.
import { expect } from 'chai'
import { BgpError } from '../errors.ts'
import { fromHex, toHex } from '../packet/attributes.ts'
import { BMP_VECTORS } from '../testing/bmp-vectors.ts'
import { Random } from '../testing/random.ts'
import { decodeBmp, encodeBmp } from './codec.ts'

describe('BMP messages', () => {
  for (const { name, source, hex, message } of BMP_VECTORS) {
    it(`${name} (${source}) decodes`, () => {
      const bytes = fromHex(hex)
      expect(decodeBmp(bytes)).to.deep.equal({ message, length: bytes.length })
    })

    it(`${name} encodes`, () => {
      expect(toHex(encodeBmp(message))).to.equal(toHex(fromHex(hex)))
    })

    it(`${name} is not whole at any truncation`, () => {
      const bytes = fromHex(hex)
      for (let length = 0; length < bytes.length; length++)
        expect(decodeBmp(bytes.subarray(0, length)), String(length)).to.equal(undefined)
    })
  }

  it('follow each other in a stream', () => {
    const stream = Uint8Array.from(BMP_VECTORS.flatMap(({ hex }) => [...fromHex(hex)]))
    const kinds: string[] = []
    for (let at = 0; at < stream.length; ) {
      const { message, length } = decodeBmp(stream.subarray(at))!
      kinds.push(message.kind)
      at += length
    }
    expect(kinds).to.deep.equal(BMP_VECTORS.map(({ message }) => message.kind))
  })

  it('of another version, or of a length that none has, are refused', () => {
    for (const hex of ['02 00000006 04', '03 00000005 04', '03 7fffffff 00'])
      expect(() => decodeBmp(fromHex(hex)), hex).to.throw(BgpError, /no BMP message/)
  })

  it('that are shorter inside than they say, and mutated ones, are refused or read, and nothing else is thrown', () => {
    const seed = Date.now() % 1_000_000
    const random = new Random(seed)
    for (const { hex } of BMP_VECTORS)
      for (let i = 0; i < 300; i++) {
        const bytes = fromHex(hex)
        bytes[6 + random.below(bytes.length - 6)] = random.below(256)
        try {
          decodeBmp(bytes)
        } catch (error) {
          expect(error, `seed ${seed}: ${toHex(bytes)}`).to.be.instanceOf(BgpError)
        }
      }
    expect(() => decodeBmp(fromHex('03 00000007 02 00'))).to.throw(BgpError, /cut short/)
  })
})
