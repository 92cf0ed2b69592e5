/**
 * The chain FORWARD of the older iptables (iptables-legacy), which nftables does not see: its policy, and which interfaces it lets pass
 * whatever comes before (include/uapi/linux/netfilter_ipv4/ip_tables.h and netfilter_ipv6/ip6_tables.h).
 *
 * ```
 * +---------------------------------------+---------------+-------------+---------+----------+----------+
 * | what is matched: 84 (v4), 136 (v6)    | target offset | next offset | ...     | matches  | target   |
 * +---------------------------------------+---------------+-------------+---------+----------+----------+
 * ```
 */
import { readFileSync } from 'node:fs'
import { withNetns } from './netns.ts'
import { AF_INET, AF_INET6, close, getsockopt, SOCK_DGRAM, socket } from './sys.ts'

export interface LegacyForward {
  readonly family: 4 | 6
  readonly policy: 'accept' | 'drop'
  /** Interfaces by which all may come in, and go out. */
  readonly acceptsFrom: readonly string[]
  readonly acceptsTo: readonly string[]
}

interface Layout {
  readonly names: string
  readonly domain: number
  readonly level: number
  /** Where in an entry the names of its interfaces, their masks, and the offsets of its target and the next entry are. */
  readonly interfaces: number
  readonly offsets: number
  /** Of an entry without matches. */
  readonly size: number
}

const LAYOUTS: Readonly<Record<4 | 6, Layout>> = {
  4: {
    ...{ names: '/proc/thread-self/net/ip_tables_names', domain: AF_INET, level: 0 },
    ...{ interfaces: 16, offsets: 88, size: 112 },
  },
  6: {
    ...{ names: '/proc/thread-self/net/ip6_tables_names', domain: AF_INET6, level: 41 },
    ...{ interfaces: 64, offsets: 140, size: 168 },
  },
}
const GET_INFO = 64
const GET_ENTRIES = 65
const NAME_LENGTH = 32
/** Of the table's name, the valid hooks, five entry points, five policies, and the number and size of entries. */
const INFO_LENGTH = 84
const ENTRIES_AT = 40
const FORWARD = 2
const INTERFACE_LENGTH = 16
/** A standard target's verdict is after its size and name. */
const VERDICT_AT = 32
const ACCEPT = -2

/** Of one family; undefined where there is no such table. Asking for a table makes it, so that the kernel's list is read first. @throws KernelError */
export function legacyForward(family: 4 | 6, netns?: string): LegacyForward | undefined {
  return withNetns(netns, () => {
    const layout = LAYOUTS[family]
    if (!tableNames(layout.names).includes('filter')) return undefined
    const fd = socket(layout.domain, SOCK_DGRAM, 0)
    try {
      return { family, ...readForward(fd, layout) }
    } finally {
      close(fd)
    }
  })
}

function tableNames(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    // The kernel has no such tables.
    return []
  }
}

function readForward(fd: number, layout: Layout): Omit<LegacyForward, 'family'> {
  const info = new DataView(ask(fd, layout.level, GET_INFO, INFO_LENGTH).buffer)
  const size = info.getUint32(INFO_LENGTH - 4, true)
  const reply = ask(fd, layout.level, GET_ENTRIES, ENTRIES_AT + size, size)
  const hookAt = (index: number) => info.getUint32(NAME_LENGTH + 4 + 4 * index, true)
  const [start, policy] = [hookAt(FORWARD), hookAt(5 + FORWARD)]
  return forwardChain(reply.subarray(ENTRIES_AT), start, policy, layout)
}

function ask(fd: number, level: number, option: number, length: number, size = 0): Uint8Array {
  const value = new Uint8Array(length)
  value.set(Buffer.from('filter'))
  new DataView(value.buffer).setUint32(NAME_LENGTH, size, true)
  getsockopt(fd, level, option, value)
  return value
}

/** @param entries of the whole table @param policy where the last rule of the chain is */
function forwardChain(
  entries: Uint8Array,
  start: number,
  policy: number,
  { interfaces, offsets, size }: Layout,
): Omit<LegacyForward, 'family'> {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength)
  const verdict = (at: number) => view.getInt32(at + view.getUint16(at + offsets, true) + VERDICT_AT, true)
  const from: string[] = []
  const to: string[] = []
  for (let at = start; at < policy; at += view.getUint16(at + offsets + 2, true)) {
    const addresses = entries.subarray(at, at + interfaces)
    const protocol = entries.subarray(at + interfaces + 4 * INTERFACE_LENGTH, at + offsets - 4)
    const plain =
      view.getUint16(at + offsets, true) === size && [...addresses, ...protocol].every((byte) => byte === 0)
    // The name of a standard target is empty.
    if (!plain || entries[at + size + 2] !== 0 || verdict(at) !== ACCEPT) continue
    const [input = '', output = ''] = [0, 1].map((which) =>
      nameAt(entries, at + interfaces + which * INTERFACE_LENGTH),
    )
    if (input !== '' && output === '') from.push(input)
    if (output !== '' && input === '') to.push(output)
  }
  return { policy: verdict(policy) === ACCEPT ? 'accept' : 'drop', acceptsFrom: from, acceptsTo: to }
}

function nameAt(bytes: Uint8Array, at: number): string {
  const name = bytes.subarray(at, at + INTERFACE_LENGTH)
  const end = name.indexOf(0)
  return Buffer.from(name.subarray(0, end === -1 ? INTERFACE_LENGTH : end)).toString()
}
