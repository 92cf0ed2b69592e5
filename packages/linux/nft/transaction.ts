/** What every transaction of nftables begins and ends with (include/uapi/linux/netfilter/nfnetlink.h). */
import type { NetlinkRequest } from '../netlink/batch.ts'
import { putU8, putU16be, type Writer } from '../netlink/wire.ts'
import { NFNL_SUBSYS_NFTABLES } from './header.ts'

const NFNL_MSG_BATCH_BEGIN = 16
const NFNL_MSG_BATCH_END = 17

/** The kernel carries out all of it or nothing. */
export function transactionOf(messages: readonly NetlinkRequest[]): readonly NetlinkRequest[] {
  return [bracket('begin', NFNL_MSG_BATCH_BEGIN), ...messages, bracket('end', NFNL_MSG_BATCH_END)]
}

function bracket(name: 'begin' | 'end', type: number): NetlinkRequest {
  const body = (w: Writer) => {
    putU8(w, 0)
    putU8(w, 0)
    putU16be(w, NFNL_SUBSYS_NFTABLES)
  }
  return { call: `NFNL_MSG_BATCH_${name.toUpperCase()}`, type, flags: 0, body }
}
