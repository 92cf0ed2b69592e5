/** Bytes as a broken or hostile sender would send them; as text of a corpus they are hexadecimal. */
import { pick } from '@podroute/reconcile/testing/random.ts'

const ODD_BYTES = [0, 1, 2, 4, 0x10, 0x40, 0x7f, 0x80, 0xc0, 0xff]

export function mutateBytes(
  bytes: Uint8Array,
  random: () => number,
  others: readonly Uint8Array[],
): Uint8Array {
  const below = (most: number) => Math.floor(random() * most)
  const at = below(bytes.length || 1)
  const count = 1 + below(8)
  switch (below(6)) {
    case 0:
      return bytes.map((byte, index) => (index === at ? byte ^ (1 << below(8)) : byte))
    case 1:
      return bytes.map((byte, index) => (index === at ? pick(random, ODD_BYTES) : byte))
    case 2:
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + count)])
    case 3:
      return Uint8Array.from([...bytes.subarray(0, at + count), ...bytes.subarray(at)])
    case 4:
      return bytes.slice(0, Math.max(at, 1))
    default: {
      const other = pick(random, others)
      return Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(below(other.length || 1))])
    }
  }
}

export function* smallerBytes(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let length = bytes.length >> 1; length >= 1; length >>= 1)
    for (let at = 0; at + length <= bytes.length; at += length)
      yield Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)])
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
}
