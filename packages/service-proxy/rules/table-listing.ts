/** Our nftables table as the kernel has it, without the elements of its sets. */
import { codeOf } from '@podroute/reconcile/resource.ts'
import type { NftApi } from '../kernel/kernel.ts'
import { readTable, type TableListing } from './listing.ts'
import { TABLE } from './sets.ts'

/** An empty one where there is none. */
export async function listTable(nft: NftApi): Promise<TableListing> {
  const text = await nft.show(`list table ${TABLE}`).catch((error: Error) => {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  })
  return readTable(text)
}
