/**
 * Captured packets as a file that Wireshark and tcpdump read: pcapng (draft-ietf-opsawg-pcapng), little endian, nanoseconds, link type
 * LINUX_SLL2, whose header says the direction. Each interface has its name, and its place as description; addresses have their names. Pure.
 *
 * ```
 *  0      4        8                   length - 4
 * +------+--------+-------------------+--------+
 * | type | length | body, 4 bytes each | length |
 * +------+--------+-------------------+--------+
 * ```
 */
import { parseAddress } from '@podroute/address/address.ts'
import type { Captured } from './captured.ts'

export const SECTION = 0x0a0d0d0a
export const INTERFACE = 1
const NAMES = 4
export const STATISTICS = 5
export const PACKET = 6
export const MAGIC = 0x1a2b3c4d
export const LINUX_SLL2 = 276
export const SLL2_LENGTH = 20
export const OUTGOING = 4
/** Options of an interface, and of statistics: packets that the system lost. */
export const IF_NAME = 2
export const IF_DESCRIPTION = 3
export const LOST = 7
const IF_RESOLUTION = 9
const NANOSECONDS = 9
const NAME_IPV4 = 1
const NAME_IPV6 = 2

export class PcapngWriter {
  readonly #interfaces = new Map<string, number>()
  readonly #named = new Set<string>()

  /** What a file begins with. */
  begin(): Uint8Array {
    const body = Buffer.alloc(16, 0xff)
    body.writeUInt32LE(MAGIC, 0)
    body.writeUInt16LE(1, 4)
    body.writeUInt16LE(0, 6)
    return block(SECTION, body)
  }

  /** With the blocks that it needs before it. */
  packet(captured: Captured): Uint8Array {
    const key = `${captured.node}\n${captured.link}\n${captured.place}`
    const known = this.#interfaces.get(key)
    const id = known ?? this.#interfaces.size
    this.#interfaces.set(key, id)
    return Buffer.concat([
      ...(known === undefined ? [interfaceBlock(captured)] : []),
      packetBlock(captured, id),
    ])
  }

  /** @param names of addresses, each of which is written once */
  names(names: Iterable<readonly [address: string, name: string]>): Uint8Array {
    const fresh = [...names].filter(([address]) => !this.#named.has(address))
    for (const [address] of fresh) this.#named.add(address)
    return fresh.length === 0 ? Buffer.alloc(0) : namesBlock(fresh)
  }

  /** At the end: how many packets came faster than they were read. Nothing before the first packet. */
  lost(count: number): Uint8Array {
    if (count === 0 || this.#interfaces.size === 0) return Buffer.alloc(0)
    const value = Buffer.alloc(8)
    value.writeBigUInt64LE(BigInt(count))
    // Of the first interface, at no time.
    return block(STATISTICS, Buffer.concat([Buffer.alloc(12), option(LOST, value), option(0)]))
  }
}

function interfaceBlock({ node, link, place }: Captured): Uint8Array {
  const head = Buffer.alloc(8)
  head.writeUInt16LE(LINUX_SLL2, 0)
  return block(
    INTERFACE,
    Buffer.concat([
      ...[head, option(IF_NAME, Buffer.from(node === '' ? link : `${node}:${link}`))],
      ...[option(IF_DESCRIPTION, Buffer.from(place)), option(IF_RESOLUTION, Buffer.of(NANOSECONDS))],
      option(0),
    ]),
  )
}

function packetBlock({ time, length, bytes, protocol, direction }: Captured, id: number): Uint8Array {
  const head = Buffer.alloc(20 + SLL2_LENGTH)
  head.writeUInt32LE(id, 0)
  head.writeUInt32LE(Number(time >> 32n), 4)
  head.writeUInt32LE(Number(time & 0xffffffffn), 8)
  head.writeUInt32LE(SLL2_LENGTH + bytes.length, 12)
  head.writeUInt32LE(SLL2_LENGTH + length, 16)
  head.writeUInt16BE(protocol, 20)
  // ARPHRD_ETHER, and who it is for; the interface's number says nothing elsewhere.
  head.writeUInt16BE(1, 28)
  head[30] = direction === 'out' ? OUTGOING : 0
  return block(PACKET, Buffer.concat([head, padded(bytes)]))
}

function namesBlock(names: readonly (readonly [string, string])[]): Uint8Array {
  const records = names.map(([address, name]) => {
    const bytes = parseAddress(address)
    return option(
      bytes.length === 4 ? NAME_IPV4 : NAME_IPV6,
      Buffer.concat([bytes, Buffer.from(`${name}\0`)]),
    )
  })
  return block(NAMES, Buffer.concat([...records, option(0)]))
}

/** An option, or a record of names: both look alike. */
function option(code: number, value: Uint8Array = Buffer.alloc(0)): Uint8Array {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(code, 0)
  head.writeUInt16LE(value.length, 2)
  return Buffer.concat([head, padded(value)])
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}

function block(type: number, body: Uint8Array): Uint8Array {
  const [head, tail] = [Buffer.alloc(8), Buffer.alloc(4)]
  head.writeUInt32LE(type, 0)
  head.writeUInt32LE(12 + body.length, 4)
  tail.writeUInt32LE(12 + body.length, 0)
  return Buffer.concat([head, body, tail])
}
