/** Addresses of interfaces in memory, with their announcements. */
import type { Address, AddressFilter, AddressOp } from '@podroute/linux/route/addresses.ts'
import type { AddressesApi } from '../kernel.ts'
import type { FakeChanges } from './fake-changes.ts'
import { FakeError } from './fake-error.ts'

export class FakeAddresses implements AddressesApi {
  readonly #changes: FakeChanges
  /** By interface and prefix. */
  readonly #addresses = new Map<string, Address>()

  constructor(changes: FakeChanges) {
    this.#changes = changes
  }

  async list({ family, interfaceIndex }: AddressFilter = {}): Promise<Address[]> {
    return [...this.#addresses.values()].filter(
      (address) =>
        (family ?? address.family) === address.family &&
        (interfaceIndex || address.interfaceIndex) === address.interfaceIndex,
    )
  }

  async apply(ops: readonly AddressOp[]): Promise<(Error | null)[]> {
    return ops.map((op) => this.#apply(op))
  }

  async add(address: Address): Promise<void> {
    const error = this.#apply({ kind: 'add', address })
    if (error) throw error
  }

  async remove(address: Address): Promise<void> {
    const error = this.#apply({ kind: 'remove', address })
    if (error) throw error
  }

  async interfaceOf(address: string): Promise<Address | undefined> {
    return [...this.#addresses.values()].find((candidate) => candidate.address === address)
  }

  #apply({ kind, address }: AddressOp): FakeError | null {
    const key = `${address.interfaceIndex} ${address.address}/${address.prefixLength}`
    const there = this.#addresses.has(key)
    if (kind === 'add' && there) return new FakeError('EEXIST')
    if (kind === 'remove' && !there) return new FakeError('EADDRNOTAVAIL')
    if (kind === 'remove') this.#addresses.delete(key)
    else this.#addresses.set(key, address)
    this.#changes.addressChanged(kind === 'remove' ? 'remove' : 'add', address)
    return null
  }
}
