/** BGP messages: decoded, or answered by a NOTIFICATION. Sessions have a fuzzer of their own (`npm run fuzz -- bgp-sessions`). */
import { BgpError, NotificationError } from 'bgp-speaker-ts/errors.ts'
import { fromHex } from 'bgp-speaker-ts/packet/attributes.ts'
import { MAX_EXTENDED_LENGTH } from 'bgp-speaker-ts/packet/codes.ts'
import { decodeMessage } from 'bgp-speaker-ts/packet/message.ts'
import { VECTORS } from 'bgp-speaker-ts/testing/vectors.ts'
import { bytesOf, hexOf, mutateBytes, smallerBytes } from '../bytes.ts'
import type { FuzzTarget } from '../engine.ts'
import { answers } from '../fault.ts'

const CONTEXT = { fourOctetAs: true, internal: true, localAsn: 64_999 }
const HEADER = 19

export const BGP: FuzzTarget<Uint8Array> = {
  name: 'bgp',
  seeds: VECTORS.map(({ hex }) => Uint8Array.from(fromHex(hex))),
  parse: bytesOf,
  print: hexOf,
  mutate(bytes, random, others) {
    const changed = mutateBytes(bytes, random, others)
    if (random() < 0.8 && changed.length >= HEADER) {
      changed.fill(0xff, 0, 16)
      new DataView(changed.buffer).setUint16(16, changed.length)
    }
    return changed
  },
  smaller: smallerBytes,
  run(bytes) {
    const paths = [false, true].map((pathIds) =>
      answers([NotificationError, BgpError], () =>
        decodeMessage(bytes, { ...CONTEXT, addPath4: pathIds, addPath6: pathIds }, MAX_EXTENDED_LENGTH),
      ),
    )
    return paths.includes(true)
  },
}
