// Mutates messages as broken and hostile peers would send them.
import type { Random } from './random.ts'

const INTERESTING = [0, 1, 2, 4, 0x10, 0x40, 0x7f, 0x80, 0xc0, 0xff]

/** Returns a changed copy: bytes flipped, cut out, doubled or set to values that are often special. */
export function mutate(message: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = message.slice()
  for (let times = 1 + random.below(4); times > 0; times--) bytes = once(bytes, random)
  // Most mutations keep the header valid, so that the body is decoded.
  if (random.below(8) > 0 && bytes.length >= 19) {
    bytes.fill(0xff, 0, 16)
    bytes[16] = bytes.length >> 8
    bytes[17] = bytes.length & 255
    bytes[18] = message[18]!
  }
  return bytes
}

function once(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length || 1)
  const count = 1 + random.below(8)
  switch (random.below(5)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 1:
      bytes[at] = random.pick(INTERESTING)
      return bytes
    case 2:
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + count)])
    case 3:
      return Uint8Array.from([...bytes.subarray(0, at + count), ...bytes.subarray(at)])
    default:
      return bytes.slice(0, Math.max(at, 1))
  }
}
