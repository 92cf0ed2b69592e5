/** Kernel parameters by their dotted names. */
import { closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
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
      return readValue(sysctlPath(name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  })
}

const buffer = Buffer.alloc(1024)

/** One read gives the whole of a value that fits (proc_sys_call_handler in fs/proc): half the system calls of reading to a file's end. */
function readValue(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const size = readSync(fd, buffer)
    const text = size < buffer.length ? buffer.toString('latin1', 0, size) : readFileSync(path, 'latin1')
    return text.trim()
  } finally {
    closeSync(fd)
  }
}

/** Where the DaemonSet mounts the node's /proc/sys/net: /proc/sys itself is read-only in a container that is not privileged. */
const HOST = '/host'

/**
 * Writes a value unless it is there already; returns whether it changed.
 * @throws Error ENOENT for a parameter that the kernel lacks, EROFS or EACCES, EINVAL for a value that it does not take
 */
export function writeSysctl(name: string, value: string | number, options: SysctlOptions = {}): boolean {
  const text = String(value)
  return withNetns(options.netns, () => {
    const path = sysctlPath(name)
    if (readValue(path) === text) return false
    writeParameter(path, text)
    return true
  })
}

function writeParameter(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error
    if (!existsSync(HOST + path)) throw readOnly(path, error)
    writeFileSync(HOST + path, text)
  }
}

function readOnly(path: string, cause: unknown): Error {
  const message = `EROFS: ${path} cannot be written here: mount the node's /proc/sys/net at ${HOST}/proc/sys/net, as podroute.yaml does`
  return Object.assign(new Error(message, { cause }), { code: 'EROFS' })
}
