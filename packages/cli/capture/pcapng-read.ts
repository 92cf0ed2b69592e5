/** Reads what pcapng-write.ts writes, as it comes. Pure. */
import type { Captured, Place } from './captured.ts'
import { CaptureError } from './errors.ts'
import {
  IF_DESCRIPTION,
  IF_NAME,
  INTERFACE,
  LINUX_SLL2,
  LOST,
  MAGIC,
  OUTGOING,
  PACKET,
  SECTION,
  SLL2_LENGTH,
  STATISTICS,
} from './pcapng-write.ts'

export type Read =
  | { readonly kind: 'begin' }
  | { readonly kind: 'packet'; readonly packet: Captured }
  | { readonly kind: 'lost'; readonly count: number }

/** No block of ours is longer: a packet is not. */
const LONGEST = 1 << 20

export class PcapngReader {
  readonly #node: string
  readonly #interfaces: Pick<Captured, 'link' | 'place'>[] = []
  #rest: Buffer = Buffer.alloc(0)

  /** @param node that the packets are from */
  constructor(node: string) {
    this.#node = node
  }

  /** What is whole with these bytes. @throws CaptureError for what is no capture */
  read(bytes: Uint8Array): readonly Read[] {
    this.#rest = Buffer.concat([this.#rest, bytes])
    const found: Read[] = []
    let at = 0
    while (this.#rest.length - at >= 12) {
      const length = this.#rest.readUInt32LE(at + 4)
      if (length < 12 || length > LONGEST || length % 4 !== 0) throw new CaptureError('no capture')
      if (this.#rest.length - at < length) break
      const one = this.#block(this.#rest.readUInt32LE(at), this.#rest.subarray(at + 8, at + length - 4))
      if (one) found.push(one)
      at += length
    }
    this.#rest = Buffer.from(this.#rest.subarray(at))
    return found
  }

  #block(type: number, body: Buffer): Read | undefined {
    switch (type) {
      case SECTION:
        if (body.length < 16 || body.readUInt32LE(0) !== MAGIC) throw new CaptureError('no capture')
        return { kind: 'begin' }
      case INTERFACE:
        this.#interfaces.push(interfaceOf(body))
        return undefined
      case PACKET:
        return { kind: 'packet', packet: this.#packet(body) }
      case STATISTICS: {
        const value = optionsOf(body.subarray(12)).get(LOST)
        return value?.length === 8 ? { kind: 'lost', count: Number(value.readBigUInt64LE(0)) } : undefined
      }
      default:
        return undefined
    }
  }

  #packet(body: Buffer): Captured {
    const place = body.length < 20 + SLL2_LENGTH ? undefined : this.#interfaces[body.readUInt32LE(0)]
    const kept = place ? body.readUInt32LE(12) : 0
    if (!place || kept < SLL2_LENGTH || kept > body.length - 20) throw new CaptureError('a broken packet')
    return {
      ...{ node: this.#node, ...place, direction: body[30] === OUTGOING ? 'out' : 'in' },
      time: (BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8)),
      protocol: body.readUInt16BE(20),
      length: body.readUInt32LE(16) - SLL2_LENGTH,
      bytes: Uint8Array.from(body.subarray(20 + SLL2_LENGTH, 20 + kept)),
    }
  }
}

function interfaceOf(body: Buffer): Pick<Captured, 'link' | 'place'> {
  if (body.length < 8 || body.readUInt16LE(0) !== LINUX_SLL2)
    throw new CaptureError('another kind of capture')
  const options = optionsOf(body.subarray(8))
  const text = (code: number) => options.get(code)?.toString('utf8') ?? ''
  const description = text(IF_DESCRIPTION)
  const place = PLACES.find((one) => one === description) ?? 'uplink'
  return { link: text(IF_NAME), place }
}

const PLACES: readonly Place[] = ['pod', 'bridge', 'uplink', 'loopback']

function optionsOf(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length; ) {
    const [code, length] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)]
    if (code === 0) break
    found.set(code, bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length + (-length & 3)
  }
  return found
}
