// Leases on disk, byte-compatible with the reference's: one file an address, its content the container ID and the
// interface name. An index beside them makes the cost of a lease independent of how many there are.

import type { Address } from '../protocol/address.ts'
import { formatAddress, parseAddress } from '../protocol/address.ts'
import { codeOf, type System, unless } from '../system.ts'

/** Whose lease it is; `interfaceName` is empty in files of old releases, which count for every interface. */
export interface Owner {
  readonly containerId: string
  readonly interfaceName: string
}

export interface Lease {
  readonly address: Address
  /** Undefined when the file is empty or no lease. */
  readonly owner: Owner | undefined
}

/**
 * The directory's modification time carries this many nanoseconds as long as only we have changed it: then the index is
 * complete. Any other hand (the reference plugin, an operator, one of us killed midway) leaves the kernel's own time.
 */
const STAMP_NANOSECONDS = 179_017_917

const LINE_BREAK = '\r\n'
const LAST_PREFIX = 'last_reserved_ip.'
const LOCK_MODE = 0o750
const LEASE_MODE = 0o600

const leaseText = (owner: Owner) => `${owner.containerId}${LINE_BREAK}${owner.interfaceName}`

/** As the reference reads it: blanks around do not matter. */
function parseLease(text: string): Owner | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  const at = trimmed.indexOf(LINE_BREAK)
  if (at < 0) return { containerId: trimmed, interfaceName: '' }
  return { containerId: trimmed.slice(0, at), interfaceName: trimmed.slice(at + LINE_BREAK.length) }
}

const sameOwner = (a: Owner | undefined, b: Owner) =>
  a !== undefined && a.containerId === b.containerId && a.interfaceName === b.interfaceName

/** A key of the index; '@' occurs in no container ID. Undefined for what is too long for a file name. */
function indexKey(owner: Owner): string | undefined {
  const key = `${owner.containerId}@${owner.interfaceName}`
  return key.length <= 250 ? key : undefined
}

export class Store {
  private readonly system: System
  private readonly directory: string
  private readonly index: string
  private readonly descriptor: number
  private changed = false
  /** Whether the index is known to hold every lease; without it all leases are read. */
  private indexed = false

  private constructor(system: System, directory: string, descriptor: number) {
    this.system = system
    this.directory = directory
    // Beside the network's directory, since the reference walks into subdirectories; no network's name begins with a dot.
    const slash = directory.lastIndexOf('/')
    this.index = `${directory.slice(0, slash)}/.podroute/${directory.slice(slash + 1)}`
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
      store.reconcileIndex()
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
    if (this.changed) this.stamp()
    this.system.close(this.descriptor)
  }

  private stamp(): void {
    // A stamp that cannot be set only costs time: the next one reads all leases.
    tryTo(() => this.system.setModified(this.directory, this.system.seconds(), STAMP_NANOSECONDS))
  }

  private isStamped(): boolean {
    return this.system.status(this.directory).nanoseconds === STAMP_NANOSECONDS
  }

  /** Brings the index up to the leases that are there, unless it is known to be. */
  private reconcileIndex(): void {
    if (this.isStamped()) {
      this.indexed = true
      return
    }
    const wanted = new Map<string, string[]>()
    for (const { address, owner } of this.leases()) {
      const key = owner && indexKey(owner)
      if (key === undefined) continue
      const texts = wanted.get(key)
      if (texts === undefined) wanted.set(key, [formatAddress(address)])
      else texts.push(formatAddress(address))
    }
    this.indexed = this.removeStaleEntries(wanted) && this.writeEntries(wanted)
    this.changed = this.indexed
  }

  private removeStaleEntries(wanted: ReadonlyMap<string, unknown>): boolean {
    return tryTo(() => {
      for (const key of unless(['ENOENT'], () => this.system.list(this.index)) ?? [])
        if (!wanted.has(key)) this.system.remove(`${this.index}/${key}`)
    })
  }

  private writeEntries(wanted: ReadonlyMap<string, readonly string[]>): boolean {
    for (const [key, texts] of wanted) if (!this.writeIndex(key, texts)) return false
    return true
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

  /** Undefined when the entry cannot be read. */
  private readIndex(key: string): Address[] | undefined {
    try {
      const target = this.system.readLink(`${this.index}/${key}`)
      return target.split(',').flatMap((text) => parseAddress(text) ?? [])
    } catch (error) {
      return codeOf(error) === 'ENOENT' ? [] : undefined
    }
  }

  /** An entry is a symbolic link whose target lists the addresses: written in one step, read in one. */
  private writeIndex(key: string, texts: readonly string[]): boolean {
    const path = `${this.index}/${key}`
    const target = texts.join(',')
    try {
      this.system.symbolicLink(target, path)
      return true
    } catch (error) {
      return this.repairIndex(codeOf(error), path, target)
    }
  }

  private repairIndex(code: string | undefined, path: string, target: string): boolean {
    return tryTo(() => {
      if (code === 'ENOENT') makeDirectories(this.system, this.index)
      else if (unless(['EINVAL'], () => this.system.readLink(path)) === target) return
      else this.system.remove(path)
      this.system.symbolicLink(target, path)
    })
  }

  /** The addresses of exactly that owner. */
  private owned(owner: Owner): Address[] {
    const key = indexKey(owner)
    const indexed = key !== undefined && this.indexed ? this.readIndex(key) : undefined
    const named = indexed ?? this.leases().map((lease) => lease.address)
    return named.filter((address) => sameOwner(this.ownerOf(address), owner))
  }

  private static oldForm(owner: Owner): Owner {
    return { containerId: owner.containerId, interfaceName: '' }
  }

  /** The owner's addresses, with those of files that name only the container. */
  addressesOf(owner: Owner): Address[] {
    return [...this.owned(owner), ...this.owned(Store.oldForm(owner))]
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
        this.changed = true
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
    makeDirectories(system, this.index)
    const path = `${this.index}/.temporary`
    system.writeFile(path, text, LEASE_MODE)
    return {
      linkTo: (target) => linkUnlessTaken(system, path, target),
      close: () => tryTo(() => system.remove(path)),
    }
  }

  /** Notes an owner's new leases; to be called once all are reserved. */
  record(owner: Owner, addresses: readonly Address[]): void {
    const key = indexKey(owner)
    if (key === undefined) return
    const texts = [...this.owned(owner), ...addresses].map(formatAddress)
    if (!this.indexed || !this.writeIndex(key, [...new Set(texts)])) {
      // Incomplete now: no stamp, and the next one reads all leases.
      this.indexed = false
      this.changed = false
    }
  }

  /** Gives back an owner's addresses; those of old files only when there are no others. */
  release(owner: Owner): Address[] {
    const released = this.removeAll(owner, this.owned(owner))
    if (released.length > 0) return released
    const old = Store.oldForm(owner)
    return this.removeAll(old, this.owned(old))
  }

  private removeAll(owner: Owner, addresses: readonly Address[]): Address[] {
    for (const address of addresses) this.removeLease(address)
    const key = indexKey(owner)
    if (key !== undefined && addresses.length > 0) tryTo(() => this.system.remove(`${this.index}/${key}`))
    return [...addresses]
  }

  removeLease(address: Address): void {
    unless(['ENOENT'], () => this.system.remove(this.pathOf(address)))
    this.changed = true
  }
}

function tryTo(work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return false
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

function makeDirectories(system: System, path: string): void {
  try {
    system.makeDirectory(path, 0o755)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return
    const slash = path.lastIndexOf('/')
    if (code !== 'ENOENT' || slash <= 0) throw error
    makeDirectories(system, path.slice(0, slash))
    unless(['EEXIST'], () => system.makeDirectory(path, 0o755))
  }
}
