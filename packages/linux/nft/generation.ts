/** The number of the last nftables transaction: while it stays, so do all tables, chains, rules and elements that nft wrote. */
import { NETLINK_NETFILTER, type NetlinkOptions, NetlinkSocket } from '../netlink/socket.ts'
import { type Message, readAttributes } from '../netlink/wire.ts'
import { NFGEN_HEADER, NFNL_SUBSYS_NFTABLES, writeNfgenHeader } from './header.ts'

const NFT_MSG_NEWGEN = (NFNL_SUBSYS_NFTABLES << 8) | 15
const NFT_MSG_GETGEN = (NFNL_SUBSYS_NFTABLES << 8) | 16
const NFTA_GEN_ID = 1

/** Reads the number in one network namespace. Elements that rules add or that time out do not change it. */
export class NftGeneration implements Disposable {
  readonly #socket: NetlinkSocket

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError */
  static open(options: NetlinkOptions = {}): NftGeneration {
    return new NftGeneration(NetlinkSocket.open(NETLINK_NETFILTER, options))
  }

  /** Each transaction, whoever makes it, adds one; the number wraps. @throws KernelError */
  async read(): Promise<number> {
    const replies = await this.#socket.exchange({
      call: 'NFT_MSG_GETGEN',
      type: NFT_MSG_GETGEN,
      flags: 0,
      body: (w) => writeNfgenHeader(w, 0),
    })
    return generationIn(replies)
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}

function generationIn(replies: readonly Message[]): number {
  const reply = replies.find(({ type }) => type === NFT_MSG_NEWGEN)
  const bytes = reply && readAttributes(reply.payload, NFGEN_HEADER).get(NFTA_GEN_ID)
  if (!bytes) throw new Error('the kernel did not say the generation of nftables')
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
}
