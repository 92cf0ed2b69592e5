/** What every message of nftables begins with: struct nfgenmsg (include/uapi/linux/netfilter/nfnetlink.h). */
import { putU8, putU16be, type Writer } from '../netlink/wire.ts'

/** The subsystem in the high byte of a message's type. */
export const NFNL_SUBSYS_NFTABLES = 10
/** Bytes of struct nfgenmsg: family, version, resource id. */
export const NFGEN_HEADER = 4

/** @param family NFPROTO_…; 0 for all of them, or where none is meant */
export function writeNfgenHeader(w: Writer, family: number): void {
  putU8(w, family)
  putU8(w, 0)
  putU16be(w, 0)
}
