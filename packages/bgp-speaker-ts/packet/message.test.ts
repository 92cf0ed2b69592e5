// The codec: vectors in both directions, at every truncation and at every split of the stream.
import { expect } from 'chai'
import { NotificationError } from '../errors.ts'
import { fromHex, toHex } from './attributes.ts'
import { Framer } from './header.ts'
import { decodeMessage, encodeMessage } from './message.ts'
import { VECTORS } from './vectors.ts'

const CONTEXT = { fourOctetAs: true, internal: true, localAsn: 64999, addPath4: false, addPath6: false }

describe('messages', () => {
  for (const { name, source, hex, message } of VECTORS) {
    it(`${name} (${source}) decodes`, () => {
      expect(decodeMessage(fromHex(hex), CONTEXT)).to.deep.equal({ message, outcome: { kind: 'ok' } })
    })

    it(`${name} encodes`, () => {
      expect(toHex(encodeMessage(message))).to.equal(toHex(fromHex(hex)))
    })

    it(`${name} cut short is a bad length or malformed, never read past its end`, () => {
      const whole = fromHex(hex)
      for (let length = 19; length < whole.length; length++) {
        const cut = whole.slice(0, length)
        cut[16] = length >> 8
        cut[17] = length & 255
        expectNoCrash(cut)
      }
    })
  }

  it('are found in a stream however it is split', () => {
    const stream = Uint8Array.from(VECTORS.flatMap(({ hex }) => [...fromHex(hex)]))
    for (let size = 1; size <= stream.length; size++) {
      const found: string[] = []
      const framer = new Framer()
      for (let at = 0; at < stream.length; at += size) {
        framer.push(stream.slice(at, at + size), (bytes, type, start, end) => {
          expect(bytes[start + 18]).to.equal(type)
          found.push(toHex(bytes.subarray(start, end)))
          return true
        })
      }
      expect(found).to.deep.equal(VECTORS.map(({ hex }) => toHex(fromHex(hex))))
    }
  })

  it('stop being cut out when the receiver says so', () => {
    const framer = new Framer()
    let count = 0
    const twice = fromHex(VECTORS[0]!.hex.repeat(2))
    framer.push(twice, () => ++count > 1)
    expect(count).to.equal(1)
  })
})

function expectNoCrash(bytes: Uint8Array): void {
  try {
    decodeMessage(bytes, CONTEXT)
  } catch (error) {
    expect(error).to.be.instanceOf(NotificationError)
  }
}
