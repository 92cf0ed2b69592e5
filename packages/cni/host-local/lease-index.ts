// An index of the lease files by owner, so that an ADD or DEL costs the same however many leases there are. The lease files are
// authoritative: the index is rebuilt whenever another program may have changed them.

import { type Address, formatAddress, parseAddress } from '../protocol/address.ts'
import { codeOf, type System, unless } from '../system.ts'
import { makeDirectories, tryTo } from './directories.ts'
import type { Lease, Owner } from './lease.ts'

/**
 * The directory's modification time carries this many nanoseconds as long as only we have changed it: then the index is
 * complete. Any other writer (the reference plugin, an operator, a plugin that was killed) leaves the kernel's own time.
 */
const STAMP_NANOSECONDS = 179_017_917

/** A key of the index; '@' occurs in no container ID. Undefined for what is too long for a file name. */
function keyOf(owner: Owner): string | undefined {
  const key = `${owner.containerId}@${owner.interfaceName}`
  return key.length <= 250 ? key : undefined
}

export class LeaseIndex {
  /** Where the entries are; on the file system of the leases. */
  readonly path: string
  private readonly system: System
  private readonly leases: string
  /** Whether it is known to hold every lease. */
  private complete = false
  /** Whether the leases have changed and the index with them. */
  private changed = false

  /** @param leases the network's directory */
  constructor(system: System, leases: string) {
    this.system = system
    this.leases = leases
    // Beside the network's directory, since the reference walks into subdirectories; no network's name begins with a dot.
    const slash = leases.lastIndexOf('/')
    this.path = `${leases.slice(0, slash)}/.podroute/${leases.slice(slash + 1)}`
  }

  /** Brings the index up to the leases that are there, unless it is known to be. */
  reconcile(read: () => readonly Lease[]): void {
    if (this.system.status(this.leases).nanoseconds === STAMP_NANOSECONDS) {
      this.complete = true
      return
    }
    const wanted = new Map<string, string[]>()
    for (const { address, owner } of read()) {
      const key = owner && keyOf(owner)
      if (key === undefined) continue
      const texts = wanted.get(key)
      if (texts === undefined) wanted.set(key, [formatAddress(address)])
      else texts.push(formatAddress(address))
    }
    this.complete = this.removeStale(wanted) && this.writeAll(wanted)
    this.changed = this.complete
  }

  private removeStale(wanted: ReadonlyMap<string, unknown>): boolean {
    return tryTo(() => {
      for (const key of unless(['ENOENT'], () => this.system.list(this.path)) ?? [])
        if (!wanted.has(key)) this.system.remove(`${this.path}/${key}`)
    })
  }

  private writeAll(wanted: ReadonlyMap<string, readonly string[]>): boolean {
    for (const [key, texts] of wanted) if (!this.write(key, texts)) return false
    return true
  }

  /** The addresses that the owner may have; undefined when only the files can tell. */
  addressesOf(owner: Owner): Address[] | undefined {
    const key = keyOf(owner)
    if (key === undefined || !this.complete) return undefined
    try {
      const target = this.system.readLink(`${this.path}/${key}`)
      return target.split(',').flatMap((text) => parseAddress(text) ?? [])
    } catch (error) {
      return codeOf(error) === 'ENOENT' ? [] : undefined
    }
  }

  /** To be called with every change of the leases. */
  noteChange(): void {
    this.changed = true
  }

  /** Notes what an owner has from now on. */
  record(owner: Owner, addresses: readonly Address[]): void {
    const key = keyOf(owner)
    if (key === undefined) return
    if (this.complete && this.write(key, [...new Set(addresses.map(formatAddress))])) return
    // Incomplete now: no stamp, and the next one reads all leases.
    this.complete = false
    this.changed = false
  }

  forget(owner: Owner): void {
    const key = keyOf(owner)
    if (key !== undefined) tryTo(() => this.system.remove(`${this.path}/${key}`))
  }

  /** Stamps the directory if index and leases have changed together. Without the stamp the next call reads all leases. */
  stamp(): void {
    if (this.changed)
      tryTo(() => this.system.setModified(this.leases, this.system.seconds(), STAMP_NANOSECONDS))
  }

  /** An entry is a symbolic link whose target lists the addresses: written in one step, read in one. */
  private write(key: string, texts: readonly string[]): boolean {
    const path = `${this.path}/${key}`
    const target = texts.join(',')
    try {
      this.system.symbolicLink(target, path)
      return true
    } catch (error) {
      return this.repair(codeOf(error), path, target)
    }
  }

  private repair(code: string | undefined, path: string, target: string): boolean {
    return tryTo(() => {
      if (code === 'ENOENT') makeDirectories(this.system, this.path)
      else if (unless(['EINVAL'], () => this.system.readLink(path)) === target) return
      else this.system.remove(path)
      this.system.symbolicLink(target, path)
    })
  }
}
