// The leases of a network: files in a directory under a lock.

import { type Address, formatAddress, parseAddress } from '../protocol/address.ts'
import { codeOf, type System, unless } from '../system.ts'
import type { LeaseSettings } from './configuration.ts'
import { makeDirectories, tryTo } from './directories.ts'
import { type Lease, leaseText, type Owner, oldForm, parseLease, sameOwner } from './lease.ts'
import { LeaseIndex } from './lease-index.ts'

const LAST_PREFIX = 'last_reserved_ip.'
const LOCK_MODE = 0o750
const LEASE_MODE = 0o600
/** Of so many lease files DEL reads all, 2 us each; beyond, it believes the index where that knows the owner. */
const READ_LIMIT = 2048

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
/** As much of it as tells boots apart: a symbolic link of up to 59 bytes needs no block on ext4. */
const BOOT_LENGTH = 8

/** This boot's name; undefined where nobody tells. */
function bootOf(system: System): string | undefined {
  const text = unless(['ENOENT', 'EACCES', 'EPERM'], () => system.readFile(BOOT_ID)) ?? ''
  return text.length < BOOT_LENGTH ? undefined : text.slice(0, BOOT_LENGTH)
}

export class Store {
  private readonly system: System
  private readonly directory: string
  private readonly reclaims: boolean
  private readonly index: LeaseIndex
  private readonly descriptor: number

  private constructor(system: System, { directory, reclaimStale }: LeaseSettings, descriptor: number) {
    this.system = system
    this.directory = directory
    this.reclaims = reclaimStale
    this.index = new LeaseIndex(system, directory, reclaimStale ? bootOf(system) : undefined)
    this.descriptor = descriptor
  }

  /** Creates the directory if need be and takes the lock; everything until `close` is ours alone. */
  static open(system: System, settings: LeaseSettings): Store {
    const { directory } = settings
    const lock = `${directory}/lock`
    let descriptor = unless(['ENOENT'], () => system.lock(lock, LOCK_MODE))
    if (descriptor === undefined) {
      makeDirectories(system, directory)
      descriptor = system.lock(lock, LOCK_MODE)
    }
    const store = new Store(system, settings, descriptor)
    try {
      store.index.reconcile(() => store.leases())
    } catch (error) {
      system.close(descriptor)
      throw error
    }
    return store
  }

  /** As `open`, but undefined when the network has no directory. */
  static find(system: System, settings: LeaseSettings): Store | undefined {
    return unless(['ENOENT'], () => system.status(settings.directory)) && Store.open(system, settings)
  }

  close(): void {
    this.index.stamp()
    this.system.close(this.descriptor)
  }

  /** Every lease, by reading them all; or those of some files. */
  leases(names: readonly string[] = this.system.list(this.directory)): Lease[] {
    const found: Lease[] = []
    for (const name of names) {
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

  private readonly isOf = (owner: Owner) => (address: Address) => sameOwner(this.ownerOf(address), owner)

  /** The addresses of exactly that owner, as the index names them. */
  private owned(owner: Owner): Address[] {
    const named = this.index.addressesOf(owner) ?? this.leases().map((lease) => lease.address)
    return named.filter(this.isOf(owner))
  }

  /** The owner's addresses, with those of files that name only the container; without one whose file was rewritten in place. */
  indexed(owner: Owner): Address[] {
    return [...this.owned(owner), ...this.owned(oldForm(owner))]
  }

  /** The container's leases by the files themselves, but for those of more files than are read for it. */
  private leasesOf(owner: Owner): Lease[] {
    const { containerId } = owner
    const names = this.system.filesWith(this.directory, containerId, READ_LIMIT)
    const leases = names === undefined ? this.indexedLeases(owner) : this.leases(names)
    return leases.filter((lease) => lease.owner?.containerId === containerId)
  }

  /** By the index where that is right about the owner, else all. */
  private indexedLeases(owner: Owner): Lease[] {
    const named = this.indexed(owner).map((address) => ({ address, owner: this.ownerOf(address) }))
    return named.length > 0 ? named : this.leases()
  }

  /** Whether the owner has an address, be it in a file that names only the container. */
  holds(owner: Owner): boolean {
    return this.leasesOf(owner).some((lease) => isHeldBy(lease, owner))
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
        const path = this.pathOf(candidate.address)
        if (!file.linkTo(path) && !(this.removeBlank(candidate.address) && file.linkTo(path))) continue
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

  /**
   * Gives back an owner's addresses; those of files that name only the container too, unless another of its interfaces has
   * an address here.
   */
  release(owner: Owner): void {
    const leases = this.leasesOf(owner)
    const others = leases.some((lease) => !isHeldBy(lease, owner))
    const own = leases.filter((lease) => sameOwner(lease.owner, owner))
    const old = leases.filter((lease) => sameOwner(lease.owner, oldForm(owner)))
    for (const lease of own.length > 0 && others ? own : [...own, ...old]) this.remove(lease)
  }

  /** Removes what boots before this one have leased: nothing that ran then runs now. Once a boot. */
  reclaimFormer(): void {
    if (!this.index.isNewBoot()) return
    for (const { owner, addresses } of this.index.former()) {
      for (const address of addresses.filter(this.isOf(owner))) this.removeLease(address)
      this.index.forget(owner)
    }
    this.index.markBoot()
  }

  /** Whether an ADD would take the address all the same. */
  isReclaimable({ address, owner }: Lease): boolean {
    return this.reclaims && owner === undefined && this.isBlank(address)
  }

  /** A file without an owner is what a killed ADD, or one before a power failure, has left: who writes one has the lock. */
  private isBlank(address: Address): boolean {
    const text = unless(['ENOENT', 'EISDIR', 'EIO'], () => this.system.readFile(this.pathOf(address)))
    return text !== undefined && parseLease(text) === undefined
  }

  private removeBlank(address: Address): boolean {
    if (!this.reclaims || !this.isBlank(address)) return false
    this.removeLease(address)
    return true
  }

  /** Removes a lease, whoever's it is. */
  remove({ address, owner }: Lease): void {
    this.removeLease(address)
    if (owner !== undefined) this.index.forget(owner)
  }

  removeLease(address: Address): void {
    unless(['ENOENT'], () => this.system.remove(this.pathOf(address)))
    this.index.noteChange()
  }
}

/** Files that name only the container count for each of its interfaces. */
const isHeldBy = (lease: Lease, owner: Owner) =>
  sameOwner(lease.owner, owner) || sameOwner(lease.owner, oldForm(owner))

function linkUnlessTaken(system: System, from: string, to: string): boolean {
  try {
    system.link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}
