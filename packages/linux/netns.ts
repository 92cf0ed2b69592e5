/** Network namespaces: doing something inside one, and making named ones as `ip netns` does. */
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs'
import {
  CLONE_NEWNET,
  close,
  MNT_DETACH,
  MS_BIND,
  mount,
  O_RDONLY,
  open,
  setns,
  startThreadPool,
  umount,
  unshare,
} from './sys.ts'

/** Where `ip netns` keeps its names. */
const NETNS_DIRECTORY = '/run/netns'

/** `/run/netns/name` for a name; a path stays what it is. */
function netnsPath(nameOrPath: string): string {
  return nameOrPath.includes('/') ? nameOrPath : `${NETNS_DIRECTORY}/${nameOrPath}`
}

/**
 * Runs `fn` with the main thread inside the namespace at `path`; sockets that it opens stay there.
 * `fn` is synchronous: across an await, unrelated work would run in the wrong namespace. When the way back fails the process
 * exits, because everything that it did from then on would happen in the wrong place.
 * @throws KernelError of `open` or `setns`, and whatever `fn` throws
 */
export function withNetns<T>(path: string | undefined, fn: () => T): T {
  if (path === undefined) return fn()
  const home = open('/proc/thread-self/ns/net', O_RDONLY)
  try {
    enter(netnsPath(path))
    try {
      const result = fn()
      if (result instanceof Promise) throw new TypeError('withNetns: fn must be synchronous')
      return result
    } finally {
      comeBack(home)
    }
  } finally {
    close(home)
  }
}

function enter(path: string): void {
  startThreadPool()
  const target = open(path, O_RDONLY)
  try {
    setns(target, CLONE_NEWNET)
  } finally {
    close(target)
  }
}

function comeBack(home: number): void {
  try {
    setns(home, CLONE_NEWNET)
  } catch (error) {
    process.stderr.write(`cannot return to the network namespace: ${error}\n`)
    process.exit(70)
  }
}

/**
 * Makes a namespace and gives it a name that `ip netns` knows. Returns its path.
 * @throws KernelError; Error EEXIST when the name is taken
 */
export function createNetns(name: string): string {
  const path = netnsPath(name)
  mkdirSync(NETNS_DIRECTORY, { recursive: true })
  closeSync(openSync(path, 'wx', 0o444))
  const home = open('/proc/thread-self/ns/net', O_RDONLY)
  try {
    startThreadPool()
    unshare(CLONE_NEWNET)
    try {
      mount('/proc/thread-self/ns/net', path, null, MS_BIND)
    } finally {
      comeBack(home)
    }
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    close(home)
  }
  return path
}

/** Removes the name; the kernel ends the namespace when nothing uses it. Nothing happens when there is no such name. */
export function removeNetns(name: string): void {
  const path = netnsPath(name)
  if (!existsSync(path)) return
  try {
    umount(path, MNT_DETACH)
  } catch {
    // Not mounted: a name that a crash left behind.
  }
  rmSync(path, { force: true })
}
