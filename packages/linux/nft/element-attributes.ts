/** Messages and attributes of set elements (include/uapi/linux/netfilter/nf_tables.h), for reading and writing alike. */
import { NFNL_SUBSYS_NFTABLES } from './header.ts'

export const NFT_MSG_NEWSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 12
export const NFTA_SET_ELEM_LIST_TABLE = 1
export const NFTA_SET_ELEM_LIST_SET = 2
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3
/** Of an element in a list. */
export const NFTA_LIST_ELEM = 1
export const NFTA_SET_ELEM_KEY = 1
export const NFTA_SET_ELEM_DATA = 2
export const NFTA_SET_ELEM_FLAGS = 3
export const NFT_SET_ELEM_INTERVAL_END = 1
export const NFTA_DATA_VALUE = 1
export const NFTA_DATA_VERDICT = 2
export const NFTA_VERDICT_CHAIN = 2
