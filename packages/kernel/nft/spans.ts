/** Values, prefixes and ranges that rules name, from nft syntax to what the kernel compares. Pure. */
import type { AnonymousElement, AnonymousSet } from '@podroute/linux/nft/expressions.ts'

/** What a rule compares: where it is in a packet, and how a text is read as its bytes. */
export interface Field {
  /** Number of nft's type. */
  readonly type: number
  readonly header: 'network' | 'transport'
  readonly offset: number
  readonly length: number
  read(text: string): Uint8Array | undefined
}

export interface Span {
  readonly first: Uint8Array
  readonly last: Uint8Array
  /** Of a prefix, in bits; a single value is one, too. */
  readonly prefix?: number
}

/** The set of a rule alone. Undefined for what is left to nft: also where spans are not in order, or touch, as it joins those. */
export function setOf(field: Field, texts: readonly string[]): AnonymousSet | undefined {
  const spans: Span[] = []
  for (const text of texts) {
    const span = readSpan(field, text)
    const previous = spans.at(-1)
    if (!span || (previous && !liesBefore(previous, span))) return undefined
    spans.push(span)
  }
  const interval = spans.some(({ first, last }) => Buffer.compare(first, last) !== 0)
  const elements = interval ? boundaries(spans) : spans.map(({ first }) => ({ key: first }))
  return { type: field.type, length: field.length, interval, elements }
}

function liesBefore({ last }: Span, { first }: Span): boolean {
  return Buffer.compare(last, first) < 0 && Buffer.compare(after(last), first) < 0
}

/** Where each begins and has ended; what is before the first one is an end. */
function boundaries(spans: readonly Span[]): readonly AnonymousElement[] {
  const zero = spans[0]!.first.map(() => 0)
  const before = Buffer.compare(spans[0]!.first, zero) === 0 ? [] : [{ key: zero, endsInterval: true }]
  return [
    ...before,
    ...spans.flatMap(({ first, last }): AnonymousElement[] =>
      last.every((byte) => byte === 255)
        ? [{ key: first, open: true }]
        : [{ key: first }, { key: after(last), endsInterval: true }],
    ),
  ]
}

export function readSpan(field: Field, text: string): Span | undefined {
  const [from, to] = text.split('-')
  if (to !== undefined) {
    const [first, last] = [field.read(from!), field.read(to)]
    return first && last && Buffer.compare(first, last) < 0 ? { first, last } : undefined
  }
  const [address, bits] = text.split('/')
  const first = field.read(address!)
  if (!first) return undefined
  if (bits === undefined) return { first, last: first, prefix: field.length * 8 }
  const prefix = Number(bits)
  if (field.header === 'transport' || !/^\d+$/.test(bits) || prefix === 0 || prefix > field.length * 8)
    return undefined
  const last = first.map((byte, index) => byte | hostMask(index, prefix))
  return first.some((byte, index) => (byte & hostMask(index, prefix)) !== 0)
    ? undefined
    : { first, last, prefix }
}

/** Bits of a byte that are not in a prefix of so many bits. */
function hostMask(index: number, bits: number): number {
  return 0xff >> Math.min(8, Math.max(0, bits - index * 8))
}

/** The next number; behind the last comes the first. */
function after(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  for (let index = copy.length - 1; index >= 0; index--) {
    const byte = copy[index]!
    copy[index] = byte + 1
    if (byte < 255) break
  }
  return copy
}
