// The leases of a network: files in a directory under a lock.

import { type Address, formatAddress, parseAddress } from '../protocol/address.ts'
import { codeOf, type System, unless } from '../system.ts'
import { makeDirectories, tryTo } from './directories.ts'
import { type Lease, leaseText, type Owner, oldForm, parseLease, sameOwner } from './lease.ts'
import { LeaseIndex } from './lease-index.ts'

const LAST_PREFIX = 'last_reserved_ip.'
const LOCK_MODE = 0o750
const LEASE_MODE = 0o600

export class Store {
  private readonly system: System
  private readonly directory: string
  private readonly index: LeaseIndex
  private readonly descriptor: number

  private constructor(system: System, directory: string, descriptor: number) {
    this.system = system
    this.directory = directory
    this.index = new LeaseIndex(system, directory)
    this.descriptor = descriptor
  }

  /** Creates the directory if need be and takes the lock; everything until `close` is ours alone. */
  static open(system: System, directory: string): Store {
    const lock = `${directory}/lock`
    let descriptor = unless(['ENOENT'], () => system.lock(lock, LOCK_MODE))
    if (descriptor === undefined) {
      makeDirectories(system, directory)
      descriptor = system.lock(lock, LOCK_MODE)
    }
    const store = new Store(system, directory, descriptor)
    try {
      store.index.reconcile(() => store.leases())
    } catch (error) {
      system.close(descriptor)
      throw error
    }
    return store
  }

  /** As `open`, but undefined when the network has no directory. */
  static find(system: System, directory: string): Store | undefined {
    return unless(['ENOENT'], () => system.status(directory)) && Store.open(system, directory)
  }

  close(): void {
    this.index.stamp()
    this.system.close(this.descriptor)
  }

  /** Every lease, by reading them all. */
  leases(): Lease[] {
    const found: Lease[] = []
    for (const name of this.system.list(this.directory)) {
      const address = parseAddress(name)
      if (address === undefined || formatAddress(address) !== name) continue
      found.push({ address, owner: this.ownerOf(address) })
    }
    return found
  }

  private pathOf(address: Address): string {
    return `${this.directory}/${formatAddress(address)}`
  }

  private ownerOf(address: Address): Owner | undefined {
    const text = unless(['ENOENT', 'EISDIR', 'EIO'], () => this.system.readFile(this.pathOf(address)))
    return text === undefined ? undefined : parseLease(text)
  }

  /** The addresses of exactly that owner. */
  private owned(owner: Owner): Address[] {
    const named = this.index.addressesOf(owner) ?? this.leases().map((lease) => lease.address)
    return named.filter((address) => sameOwner(this.ownerOf(address), owner))
  }

  /** The owner's addresses, with those of files that name only the container. */
  addressesOf(owner: Owner): Address[] {
    return [...this.owned(owner), ...this.owned(oldForm(owner))]
  }

  lastReserved(rangeIndex: number): Address | undefined {
    const path = `${this.directory}/${LAST_PREFIX}${rangeIndex}`
    const text = unless(['ENOENT', 'EISDIR', 'EIO', 'EACCES'], () => this.system.readFile(path))
    return text === undefined ? undefined : parseAddress(text)
  }

  private writeLast(rangeIndex: number, address: Address): void {
    this.system.writeFile(`${this.directory}/${LAST_PREFIX}${rangeIndex}`, formatAddress(address), LEASE_MODE)
  }

  /** Takes the first free one of `addresses`; undefined when none is. The file appears with its content or not at all. */
  reserve<T extends { readonly address: Address }>(
    owner: Owner,
    addresses: Iterable<T>,
    rangeIndex: number,
  ): T | undefined {
    const file = this.temporaryLease(owner)
    try {
      for (const candidate of addresses) {
        if (!file.linkTo(this.pathOf(candidate.address))) continue
        this.index.noteChange()
        this.afterReserve(candidate.address, rangeIndex)
        return candidate
      }
      return undefined
    } finally {
      file.close()
    }
  }

  private afterReserve(address: Address, rangeIndex: number): void {
    try {
      this.writeLast(rangeIndex, address)
    } catch (error) {
      tryTo(() => this.system.remove(this.pathOf(address)))
      throw error
    }
  }

  /** A lease file without a name, or, where the file system has none such, with one beside the leases. */
  private temporaryLease(owner: Owner): { linkTo(path: string): boolean; close(): void } {
    const { system } = this
    const text = leaseText(owner)
    const descriptor = unless(['EOPNOTSUPP', 'EISDIR', 'EINVAL'], () =>
      system.temporary(this.directory, text, LEASE_MODE),
    )
    if (descriptor !== undefined)
      return {
        linkTo: (path) => system.linkDescriptor(descriptor, path),
        close: () => system.close(descriptor),
      }
    makeDirectories(system, this.index.path)
    const path = `${this.index.path}/.temporary`
    system.writeFile(path, text, LEASE_MODE)
    return {
      linkTo: (target) => linkUnlessTaken(system, path, target),
      close: () => tryTo(() => system.remove(path)),
    }
  }

  /** Notes an owner's new leases; to be called once all are reserved. */
  record(owner: Owner, addresses: readonly Address[]): void {
    this.index.record(owner, [...this.owned(owner), ...addresses])
  }

  /** Gives back an owner's addresses; those of old files only when there are no others. */
  release(owner: Owner): Address[] {
    const released = this.removeAll(owner, this.owned(owner))
    if (released.length > 0) return released
    const old = oldForm(owner)
    return this.removeAll(old, this.owned(old))
  }

  private removeAll(owner: Owner, addresses: readonly Address[]): Address[] {
    for (const address of addresses) this.removeLease(address)
    if (addresses.length > 0) this.index.forget(owner)
    return [...addresses]
  }

  removeLease(address: Address): void {
    unless(['ENOENT'], () => this.system.remove(this.pathOf(address)))
    this.index.noteChange()
  }
}

function linkUnlessTaken(system: System, from: string, to: string): boolean {
  try {
    system.link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}
