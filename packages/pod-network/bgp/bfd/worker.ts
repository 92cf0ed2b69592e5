/** Where the program of the BFD thread lies: in the sources, or in a bundle of its own beside the agent's. */
import { dirname, join, resolve } from 'node:path'

/** Name of the bundle; the build puts it here. */
declare const PODROUTE_BFD_WORKER: string | undefined

/** Undefined: the library knows its own. A startup snapshot keeps no path: it is asked for when the thread starts. */
export function bfdWorker(): string | undefined {
  if (typeof PODROUTE_BFD_WORKER !== 'string') return undefined
  return join(dirname(resolve(process.argv[1] ?? '')), PODROUTE_BFD_WORKER)
}
