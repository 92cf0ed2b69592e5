// An index of the lease files by owner, so that an ADD costs the same however many leases there are. The lease files are
// authoritative: the index is rebuilt whenever another program has made or removed some. One that rewrites a file in place leaves
// no trace in the directory: who must not miss a lease looks into the files (store.ts).

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

const BOOT_PREFIX = 'boot-'
/** Says in which boot the entries have last been looked through; no container ID begins with a dot. */
const BOOT_MARK = '.boot'

/** What an entry's target says: addresses, and the boot in which they were leased unless nobody knows. */
interface Entry {
  readonly texts: readonly string[]
  readonly boot: string | undefined
}

/** A release that knows nothing of boots takes theirs for an address that is none, and leaves it out. */
function parseEntry(target: string): Entry {
  const parts = target.split(',')
  const boot = parts.find((part) => part.startsWith(BOOT_PREFIX))
  return {
    texts: parts.filter((part) => part !== boot),
    boot: boot?.slice(BOOT_PREFIX.length),
  }
}

const formatEntry = ({ texts, boot }: Entry) =>
  [...texts, ...(boot === undefined ? [] : [`${BOOT_PREFIX}${boot}`])].join(',')

const addressesIn = ({ texts }: Entry): Address[] => texts.flatMap((text) => parseAddress(text) ?? [])

function ownerOfKey(key: string): Owner {
  const at = key.indexOf('@')
  return { containerId: key.slice(0, at), interfaceName: key.slice(at + 1) }
}

export class LeaseIndex {
  /** Where the entries are; on the file system of the leases. */
  readonly path: string
  private readonly system: System
  private readonly leases: string
  private readonly boot: string | undefined
  /** Whether it is known to hold every lease. */
  private complete = false
  /** Whether the leases have changed and the index with them. */
  private changed = false

  /**
   * @param leases the network's directory
   * @param boot noted with each entry, unless undefined
   */
  constructor(system: System, leases: string, boot: string | undefined) {
    this.system = system
    this.leases = leases
    this.boot = boot
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
        if (!wanted.has(key) && key !== BOOT_MARK) this.system.remove(`${this.path}/${key}`)
    })
  }

  private writeAll(wanted: ReadonlyMap<string, readonly string[]>): boolean {
    for (const [key, texts] of wanted)
      if (!this.write(key, { texts, boot: this.bootOf(key, texts) })) return false
    return true
  }

  /** The boot of leases that were found: as their entry has it, which may have named more; else ours, since they are there now. */
  private bootOf(key: string, texts: readonly string[]): string | undefined {
    const entry = this.read(key)
    const known = entry !== undefined && texts.every((text) => entry.texts.includes(text))
    return (known ? entry.boot : undefined) ?? this.boot
  }

  private read(key: string): Entry | undefined {
    const target = unless(['ENOENT', 'EINVAL'], () => this.system.readLink(`${this.path}/${key}`))
    return target === undefined ? undefined : parseEntry(target)
  }

  /** Whether the entries are to be looked through for those of earlier boots: once a boot. */
  isNewBoot(): boolean {
    if (this.boot === undefined || !this.complete) return false
    const mark = unless(['ENOENT', 'EINVAL'], () => this.system.readLink(`${this.path}/${BOOT_MARK}`))
    return mark !== this.boot
  }

  /** To be called when the leases of earlier boots are gone, not before: a plugin that is killed leaves them to the next one. */
  markBoot(): void {
    this.link(`${this.path}/${BOOT_MARK}`, this.boot!)
  }

  /** The leases of earlier boots. Those of no known boot count as of this one from now on. */
  former(): { owner: Owner; addresses: Address[] }[] {
    const found: { owner: Owner; addresses: Address[] }[] = []
    for (const key of unless(['ENOENT'], () => this.system.list(this.path)) ?? []) {
      const entry = key.startsWith('.') ? undefined : this.read(key)
      if (entry === undefined || entry.boot === this.boot) continue
      if (entry.boot === undefined) this.write(key, { ...entry, boot: this.boot })
      else found.push({ owner: ownerOfKey(key), addresses: addressesIn(entry) })
    }
    return found
  }

  /** The addresses that the owner may have; undefined when only the files can tell. */
  addressesOf(owner: Owner): Address[] | undefined {
    const key = keyOf(owner)
    if (key === undefined || !this.complete) return undefined
    try {
      return addressesIn(parseEntry(this.system.readLink(`${this.path}/${key}`)))
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
    const texts = [...new Set(addresses.map(formatAddress))]
    if (this.complete && this.write(key, { texts, boot: this.boot })) return
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
  private write(key: string, entry: Entry): boolean {
    return this.link(`${this.path}/${key}`, formatEntry(entry))
  }

  private link(path: string, target: string): boolean {
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
