// The codec: vectors in both directions, at every truncation and at every split of the stream.
import { expect } from 'chai'
import { NotificationError } from '../errors.ts'
import { VECTORS } from '../testing/vectors.ts'
import { fromHex, toHex } from './attributes.ts'
import { MAX_EXTENDED_LENGTH, MAX_LENGTH } from './codes.ts'
import { Framer } from './header.ts'
import { decodeMessage, encodeMessage } from './message.ts'

const CONTEXT = { fourOctetAs: true, internal: true, localAsn: 64999 }
const contextOf = (pathIds = false) => ({ ...CONTEXT, addPath4: pathIds, addPath6: pathIds })

describe('messages', () => {
  for (const { name, source, hex, message, pathIds } of VECTORS) {
    it(`${name} (${source}) decodes`, () => {
      expect(decodeMessage(fromHex(hex), contextOf(pathIds), MAX_EXTENDED_LENGTH)).to.deep.equal({
        message,
        outcome: { kind: 'ok' },
      })
    })

    it(`${name} encodes`, () => {
      expect(toHex(encodeMessage(message, MAX_EXTENDED_LENGTH))).to.equal(toHex(fromHex(hex)))
    })

    it(`${name} cut short is a bad length or malformed, never read past its end`, () => {
      const whole = fromHex(hex)
      for (let length = 19; length < whole.length; length++) {
        const cut = whole.slice(0, length)
        cut[16] = length >> 8
        cut[17] = length & 255
        expectNoCrash(cut, pathIds)
      }
    })
  }

  it('are found in a stream however it is split', () => {
    // A long message takes long at all sizes: it is split in two only.
    const short = VECTORS.map(({ hex }) => fromHex(hex)).filter(({ length }) => length <= MAX_LENGTH)
    const stream = Uint8Array.from(short.flatMap((bytes) => [...bytes]))
    for (let size = 1; size <= stream.length; size++) {
      const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
        stream.slice(i * size, (i + 1) * size),
      )
      expect(cutOut(pieces)).to.deep.equal(short.map(toHex))
    }
  })

  it('of more than 4,096 bytes are found wherever they are split', () => {
    const [long] = VECTORS.map(({ hex }) => fromHex(hex)).filter(({ length }) => length > MAX_LENGTH)
    for (let at = 0; at <= long!.length; at++) {
      const framer = new Framer()
      framer.maxLength = MAX_EXTENDED_LENGTH
      const found: number[][] = []
      for (const piece of [long!.slice(0, at), long!.slice(at)])
        framer.push(piece, (bytes, type, start, end) => found.push([type, end - start, bytes[end - 1]!]) > 0)
      expect(found).to.deep.equal([[2, long!.length, long!.at(-1)]])
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

/** The messages that the pieces of a stream hold, in hex. */
function cutOut(pieces: readonly Uint8Array[]): string[] {
  const found: string[] = []
  const framer = new Framer()
  framer.maxLength = MAX_EXTENDED_LENGTH
  for (const piece of pieces)
    framer.push(piece, (bytes, type, start, end) => {
      expect(bytes[start + 18]).to.equal(type)
      found.push(toHex(bytes.subarray(start, end)))
      return true
    })
  return found
}

function expectNoCrash(bytes: Uint8Array, pathIds = false): void {
  try {
    decodeMessage(bytes, contextOf(pathIds), MAX_EXTENDED_LENGTH)
  } catch (error) {
    expect(error).to.be.instanceOf(NotificationError)
  }
}
