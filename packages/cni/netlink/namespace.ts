// Entering a container's network namespace and coming back.

import { failure, messageOf } from '../errors.ts'
import { type System, unless } from '../system.ts'
import { Netlink } from './netlink.ts'

const OWN = '/proc/self/ns/net'

/** An open container namespace, with our own to come back to. */
export class Namespace {
  readonly descriptor: number
  private readonly home: number
  private readonly system: System

  private constructor(system: System, descriptor: number) {
    this.system = system
    this.descriptor = descriptor
    this.home = system.open(OWN)
  }

  /** Undefined when the path is not there (any more) or is no namespace: a container that is gone. */
  static find(system: System, path: string): Namespace | undefined {
    const descriptor = unless(['ENOENT', 'ENOTDIR'], () => system.open(path))
    if (descriptor === undefined) return undefined
    if (system.isNamespace(descriptor)) return new Namespace(system, descriptor)
    system.close(descriptor)
    return undefined
  }

  static open(system: System, path: string): Namespace {
    try {
      const found = Namespace.find(system, path)
      if (found !== undefined) return found
    } catch (error) {
      throw failure(`failed to open netns ${JSON.stringify(path)}`, error)
    }
    throw failure(`failed to open netns ${JSON.stringify(path)}: no such network namespace`)
  }

  /** Runs `work` inside; system files (/proc/sys/net) and new sockets are the container's meanwhile. */
  run<T>(work: () => T): T {
    this.system.enterNamespace(this.descriptor)
    try {
      return work()
    } finally {
      this.system.enterNamespace(this.home)
    }
  }

  /** A netlink socket inside, usable from outside. */
  netlink(): Netlink {
    return this.run(() => new Netlink(this.system))
  }

  close(): void {
    this.system.close(this.descriptor)
    this.system.close(this.home)
  }
}

/** Whether the path is the network namespace that we run in. */
export function isOwnNamespace(system: System, path: string): boolean {
  const theirs = unless(['ENOENT', 'ENOTDIR', 'EACCES'], () => system.status(path))
  if (theirs === undefined) return false
  const ours = system.status(OWN)
  return ours.inode === theirs.inode && ours.device === theirs.device
}

/** Writes a setting under /proc/sys/net; a kernel without it (no IPv6) is no error. */
export function trySysctl(system: System, name: string, value: string): void {
  try {
    system.writeFile(`/proc/sys/net/${name}`, value)
  } catch (error) {
    if (name.startsWith('ipv6/')) return
    throw failure(`failed to set ${name}`, messageOf(error))
  }
}

/** As the reference: writes only when the value differs. */
export function ensureSysctl(system: System, name: string, value: string): void {
  const path = `/proc/sys/net/${name}`
  if (system.readSetting(path) !== value) system.writeFile(path, value)
}
