/** Sets, chains and rules of nftables, written over netlink. */
import { NETLINK_NETFILTER, type NetlinkOptions, NetlinkSocket } from '../netlink/socket.ts'
import { type StructureWrite, structureTransaction } from './structure-write.ts'

/** Of one network namespace. */
export class NftStructure implements Disposable {
  readonly #socket: NetlinkSocket

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError */
  static open(options: NetlinkOptions = {}): NftStructure {
    return new NftStructure(NetlinkSocket.open(NETLINK_NETFILTER, options))
  }

  /** One transaction: all of it or, when it throws, nothing. @param family NFPROTO_… of the table @throws KernelError ENOENT, EEXIST, EBUSY */
  write(family: number, table: string, writes: readonly StructureWrite[]): Promise<void> {
    return this.#socket.transaction(structureTransaction(family, table, writes))
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]()
  }
}
