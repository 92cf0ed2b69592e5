/** A filter for a route monitor's socket. The kernel drops announcements that nobody reads, such as thousands of VIPs at a first sync. Pure. */
import { RTM_DELROUTE, RTM_NEWROUTE } from './rtnetlink.ts'

export interface RouteFilterOptions {
  /** Routes of other tables are left out. Below 256. */
  readonly table?: number
  /** Routes that these put there (RTPROT) are left out. */
  readonly notProtocol?: number
  /** Port of a netlink socket whose own changes of routes are left out, too. */
  readonly notFrom?: number
}

// linux/filter.h; offsets into struct nlmsghdr and into struct rtmsg behind it.
const LOAD_U8 = 0x30
const LOAD_U16 = 0x28
const LOAD_U32 = 0x20
const JUMP_IF_EQUAL = 0x15
const RETURN = 0x06
const TYPE_AT = 4
const PORT_AT = 12
const TABLE_AT = 20
const PROTOCOL_AT = 21
const WHOLE = 0xffff_ffff

type Instruction = readonly [code: number, ifEqual: number, ifNot: number, value: number]

/** What is compared with what; `equal` says which of the two outcomes lets a route pass. */
interface Check {
  readonly load: Instruction
  readonly value: number
  readonly equal: boolean
}

/** A classic BPF program, an array of struct sock_filter. Links and addresses pass. */
export function routeFilter(options: RouteFilterOptions): Uint8Array {
  const checks = checksOf(options)
  return program([
    [LOAD_U16, 0, 0, TYPE_AT],
    [JUMP_IF_EQUAL, 1, 0, inNetworkOrder(RTM_NEWROUTE) >>> 16],
    [JUMP_IF_EQUAL, 0, 2 * checks.length, inNetworkOrder(RTM_DELROUTE) >>> 16],
    ...checks.flatMap(({ load, value, equal }, index): Instruction[] => {
      const refuse = 2 * (checks.length - index) - 1
      return [load, [JUMP_IF_EQUAL, equal ? 0 : refuse, equal ? refuse : 0, value]]
    }),
    [RETURN, 0, 0, WHOLE],
    [RETURN, 0, 0, 0],
  ])
}

function checksOf({ table, notProtocol, notFrom }: RouteFilterOptions): Check[] {
  const checks: Check[] = []
  if (table !== undefined) checks.push({ load: [LOAD_U8, 0, 0, TABLE_AT], value: table, equal: true })
  if (notProtocol !== undefined)
    checks.push({ load: [LOAD_U8, 0, 0, PROTOCOL_AT], value: notProtocol, equal: false })
  if (notFrom !== undefined)
    checks.push({ load: [LOAD_U32, 0, 0, PORT_AT], value: inNetworkOrder(notFrom), equal: false })
  return checks
}

/** The filter takes numbers for those of the network; netlink has the host's, which is little-endian. */
function inNetworkOrder(value: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, value, true)
  return view.getUint32(0)
}

function program(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [index, [code, ifEqual, ifNot, value]] of instructions.entries()) {
    view.setUint16(index * 8, code, true)
    view.setUint8(index * 8 + 2, ifEqual)
    view.setUint8(index * 8 + 3, ifNot)
    view.setUint32(index * 8 + 4, value, true)
  }
  return bytes
}
