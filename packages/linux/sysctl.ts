/** Kernel parameters by their dotted names. */
import { readFileSync, writeFileSync } from 'node:fs'
import { withNetns } from './netns.ts'

export interface SysctlOptions {
  /** Path (or name under /run/netns) of the network namespace whose `net.` parameters are meant. */
  readonly netns?: string | undefined
}

/**
 * `/proc/sys/net/ipv4/ip_forward` for `net.ipv4.ip_forward`. As in sysctl(8), a name whose first separator is a slash keeps its
 * dots: `net/ipv4/conf/eth0.100/rp_filter`.
 */
export function sysctlPath(name: string): string {
  const separator = /[./]/.exec(name)?.[0]
  const parts = separator === '/' ? name.split('/') : name.split('.').map((part) => part.replaceAll('/', '.'))
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new RangeError(`not a sysctl: ${name}`)
  }
  return `/proc/sys/${parts.join('/')}`
}

/** The value without its line end; undefined when the kernel has no such parameter. @throws Error EACCES */
export function readSysctl(name: string, options: SysctlOptions = {}): string | undefined {
  return withNetns(options.netns, () => {
    try {
      return readFileSync(sysctlPath(name), 'utf8').trim()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  })
}

/**
 * Writes a value unless it is there already; returns whether it changed.
 * @throws Error ENOENT for a parameter that the kernel lacks, EROFS or EACCES, EINVAL for a value that it does not take
 */
export function writeSysctl(name: string, value: string | number, options: SysctlOptions = {}): boolean {
  const text = String(value)
  return withNetns(options.netns, () => {
    const path = sysctlPath(name)
    if (readFileSync(path, 'utf8').trim() === text) return false
    writeFileSync(path, text)
    return true
  })
}
