/** nftables of a network namespace, as the proxy needs it. */
import type { NetlinkOptions } from '@podroute/linux/netlink/socket.ts'
import { NFPROTO_INET, NftElements } from '@podroute/linux/nft/elements.ts'
import { NftGeneration } from '@podroute/linux/nft/generation.ts'
import { Nft } from '@podroute/linux/nft/nft.ts'
import type { NftApi } from '../kernel/kernel.ts'
import { elementTexts } from './elements.ts'
import { setOf, TABLE_NAME } from './sets.ts'

/** Open until disposed of. @throws KernelError */
export function openNft(options: NetlinkOptions = {}): NftApi & Disposable {
  const stack = new DisposableStack()
  const elements = stack.use(NftElements.open(options))
  const nft = stack.use(Nft.open(options))
  const generation = stack.use(NftGeneration.open(options))
  return {
    run: (script) => nft.run(script),
    elements(name, family) {
      const set = { family: NFPROTO_INET, table: TABLE_NAME, set: setOf(name, family) }
      return elementTexts((read) => elements.list(set, read), name, family)
    },
    listJson: (command) => nft.listJson(command),
    show: (command) => nft.show(command),
    generation: () => generation.read(),
    [Symbol.dispose]: () => stack.dispose(),
  }
}
