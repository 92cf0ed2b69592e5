/** The CNI plugins that `podroute-cni install` has put on a node, and those of others whose place they took (packages/cni/install). */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PLUGIN_MARK } from '@podroute/kernel/files/plugin-mark.ts'

/** Bytes; ours have 1.5 MB. */
const LARGEST = 16 * 2 ** 20
/** The end of the name under which somebody else's plugin is kept. */
const BEFORE = '.before-podroute'

/** Their paths below `root`, and what is kept of others beside a plugin that is not ours any more: it has been installed anew. */
export function ownPlugins(root: string, directory: string): readonly string[] {
  const folder = join(root, directory)
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && isLeft(join(folder, entry.name)))
    .map(({ name }) => join(directory, name))
}

function isLeft(path: string): boolean {
  if (!path.endsWith(BEFORE)) return isOwnPlugin(path)
  const plugin = path.slice(0, -BEFORE.length)
  return existsSync(plugin) && !isOwnPlugin(plugin)
}

export function isOwnPlugin(path: string): boolean {
  const status = statSync(path)
  return status.isFile() && status.size < LARGEST && readFileSync(path).includes(PLUGIN_MARK)
}

export function wasReplaced(path: string): boolean {
  return existsSync(`${path}${BEFORE}`)
}

/** A plugin goes in the same step in which the one before it comes back. */
export function removeOwn(path: string): void {
  if (wasReplaced(path)) renameSync(`${path}${BEFORE}`, path)
  else rmSync(path, { recursive: true, force: true })
}
