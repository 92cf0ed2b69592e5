/** nftables of a network namespace of the test's own. */
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'

/** Returns what opens it in a new namespace; after each test of the suite that is closed and gone. */
export function nftInNetns(name: string): () => ReturnType<typeof openNft> {
  let nft: ReturnType<typeof openNft> | undefined
  afterEach(() => {
    nft?.[Symbol.dispose]()
    removeNetns(name)
  })
  return () => {
    removeNetns(name)
    nft = openNft({ netns: createNetns(name) })
    return nft
  }
}
