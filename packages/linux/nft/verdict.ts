/** What becomes of a packet, as maps and rules hold it (include/uapi/linux/netfilter/nf_tables.h). */
import { putNested, putTextAttribute, putU32beAttribute, type Writer } from '../netlink/wire.ts'
import { NFTA_DATA_VERDICT, NFTA_VERDICT_CHAIN } from './element-attributes.ts'

const NFTA_VERDICT_CODE = 1
/** NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_GOTO, NFT_RETURN. */
const CODES = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'goto' | 'jump'; readonly chain: string }

export function putVerdict(w: Writer, verdict: Verdict): void {
  putNested(w, NFTA_DATA_VERDICT, () => {
    putU32beAttribute(w, NFTA_VERDICT_CODE, CODES[verdict.kind] >>> 0)
    if ('chain' in verdict) putTextAttribute(w, NFTA_VERDICT_CHAIN, verdict.chain)
  })
}
