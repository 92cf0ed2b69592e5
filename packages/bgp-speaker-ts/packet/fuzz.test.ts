// Seeded mutated messages: the codec returns a message, an RFC 7606 outcome or a NOTIFICATION, and a decoded message survives encoding and decoding.
import { expect } from 'chai'
import { BgpError, NotificationError } from '../errors.ts'
import { mutate } from '../testing/mutate.ts'
import { Random } from '../testing/random.ts'
import { VECTORS } from '../testing/vectors.ts'
import { fromHex, toHex } from './attributes.ts'
import { MAX_EXTENDED_LENGTH } from './codes.ts'
import { Framer } from './header.ts'
import { decodeMessage, encodeMessage } from './message.ts'

const CONTEXT = { fourOctetAs: true, internal: true, localAsn: 64999 }
const contextOf = (pathIds: boolean) => ({ ...CONTEXT, addPath4: pathIds, addPath6: pathIds })
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 0xffffffff))
const MILLISECONDS = Number(process.env.FUZZ_MS ?? 1500)

describe(`fuzzing with FUZZ_SEED=${SEED}`, function () {
  this.timeout(MILLISECONDS * 2 + 10_000)
  const messages = VECTORS.map(({ hex }) => fromHex(hex))

  it('no mutated message throws anything but a NOTIFICATION, and what decodes is stable', () => {
    const random = new Random(SEED)
    const end = performance.now() + MILLISECONDS
    let decoded = 0
    while (performance.now() < end) {
      const bytes = mutate(random.pick(messages), random)
      if (survives(bytes, random.below(4) === 0)) decoded++
    }
    expect(decoded).to.be.greaterThan(100)
  })

  it('no mutated stream in random pieces throws anything but a NOTIFICATION', () => {
    const random = new Random(SEED)
    const end = performance.now() + MILLISECONDS
    let found = 0
    while (performance.now() < end) {
      const stream = Uint8Array.from(
        Array.from({ length: 5 }, () => [
          ...(random.below(3) === 0 ? mutate(random.pick(messages), random) : random.pick(messages)),
        ]).flat(),
      )
      const framer = new Framer()
      framer.maxLength = MAX_EXTENDED_LENGTH
      expectNotification(stream, () => {
        for (let at = 0; at < stream.length; ) {
          const size = 1 + random.below(80)
          framer.push(stream.subarray(at, at + size), () => ++found > 0)
          at += size
        }
      })
    }
    expect(found).to.be.greaterThan(100)
  })
})

function survives(bytes: Uint8Array, pathIds: boolean): boolean {
  let survived = false
  expectNotification(bytes, () => {
    const { message, outcome } = decodeMessage(bytes, contextOf(pathIds), MAX_EXTENDED_LENGTH)
    survived = true
    if (outcome.kind !== 'ok') return
    const again = encodeMessage(message, MAX_EXTENDED_LENGTH)
    expect(decodeMessage(again, contextOf(pathIds), MAX_EXTENDED_LENGTH).message, toHex(bytes)).to.deep.equal(
      message,
    )
  })
  return survived
}

function expectNotification(bytes: Uint8Array, run: () => void): void {
  try {
    run()
  } catch (error) {
    const known =
      error instanceof NotificationError || (error instanceof BgpError && error.code === 'not-encodable')
    if (!known) throw new Error(`on ${toHex(bytes)}`, { cause: error })
  }
}
