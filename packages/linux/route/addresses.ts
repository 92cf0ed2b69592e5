/** Addresses of interfaces: list, add and remove. */
import type { KernelError } from '../errors.ts'
import type { NetlinkRequest, NetlinkSocket } from '../netlink/socket.ts'
import { type Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, type Writer } from '../netlink/wire.ts'
import { type Address, readAddress, writeAddress, writeAddressQuery } from './address-message.ts'
import { RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR } from './rtnetlink.ts'

export type { Address } from './address-message.ts'
export { IFA_F_NODAD } from './address-message.ts'

export type AddressOp = { readonly kind: 'add' | 'replace' | 'remove'; readonly address: Address }

export interface AddressFilter {
  readonly family?: 4 | 6
  readonly interfaceIndex?: number
}

const FLAGS = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE | NLM_F_REPLACE, remove: 0 }

export class Addresses {
  readonly #socket: NetlinkSocket

  /** @param socket of NETLINK_ROUTE */
  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** @throws KernelError ENODEV when the interface of the filter is gone */
  list(filter: AddressFilter = {}): Promise<Address[]> {
    const body = (w: Writer) => writeAddressQuery(w, filter.family, filter.interfaceIndex ?? 0)
    const read = (message: Message) => {
      const address = message.type === RTM_NEWADDR ? readAddress(message) : undefined
      const wanted = address && (!filter.interfaceIndex || address.interfaceIndex === filter.interfaceIndex)
      return wanted ? address : undefined
    }
    return this.#socket.collect({ call: 'RTM_GETADDR', type: RTM_GETADDR, flags: 0, body }, read)
  }

  /** One outcome for each operation, in order; EEXIST for an address that is there, EADDRNOTAVAIL for one that is not. */
  apply(ops: readonly AddressOp[]): Promise<(KernelError | null)[]> {
    return this.#socket.batch(ops.map(request))
  }

  /** @throws KernelError EEXIST */
  add(address: Address): Promise<void> {
    return this.#socket.execute(request({ kind: 'add', address }))
  }

  /** @throws KernelError EADDRNOTAVAIL when it is not there */
  remove(address: Address): Promise<void> {
    return this.#socket.execute(request({ kind: 'remove', address }))
  }

  /** The index of the interface that carries `address`: where a node's own address lives. @throws KernelError */
  async interfaceOf(address: string): Promise<Address | undefined> {
    return (await this.list()).find((candidate) => candidate.address === address)
  }
}

function request(op: AddressOp): NetlinkRequest {
  const remove = op.kind === 'remove'
  return {
    call: remove ? 'RTM_DELADDR' : 'RTM_NEWADDR',
    type: remove ? RTM_DELADDR : RTM_NEWADDR,
    flags: FLAGS[op.kind],
    body: (w) => writeAddress(w, op.address),
  }
}
