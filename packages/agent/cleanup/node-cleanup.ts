/** The node on which `podroute cleanup` runs: its kernel, and its files below a folder where they may be mounted. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { FeatureDefinition } from '@podroute/feature/feature.ts'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { CONFIG_TEXTS, LAST_GOOD_CONFIG } from '../config/live-config.ts'
import { loadConfig } from '../config/load.ts'
import { bootId, StateFile } from '../state-file.ts'
import { type CleanupReport, cleanUpNode, type NodeFiles } from './cleanup.ts'
import { FORMER_SHAPE, FORMER_SYSCTLS, type FormerSysctls } from './former-sysctls.ts'
import { ownPlugins, removeOwn, wasReplaced } from './plugins.ts'

export interface NodeCleanupOptions {
  readonly definitions: readonly FeatureDefinition[]
  /** Where the node's files are: `/`, or the folder at which a container has them. */
  readonly root: string
  readonly stateDirectory: string
  readonly pluginDirectory: string
  readonly dryRun: boolean
  readonly withPods: boolean
  /** Of the node; the process's own by default. */
  readonly netns?: string
}

export async function cleanUpThisNode(options: NodeCleanupOptions): Promise<CleanupReport> {
  const { definitions, root, stateDirectory, pluginDirectory, dryRun, withPods, netns } = options
  using kernel = openKernel(netns === undefined ? {} : { netns })
  const state = join(root, stateDirectory)
  const log = { warn() {} }
  return await cleanUpNode({
    ...{ definitions, dryRun, withPods, bootId: bootId() },
    kernel: { ...kernel, files: filesBelow(root, kernel.files) },
    settings: lastSettings(
      definitions,
      new StateFile(join(state, LAST_GOOD_CONFIG), log, CONFIG_TEXTS).load(),
    ),
    former: new StateFile<FormerSysctls>(join(state, `${FORMER_SYSCTLS}.json`), log, FORMER_SHAPE).load(),
    files: nodeFiles(root),
    paths: [...ownPlugins(root, pluginDirectory), stateDirectory],
  })
}

/** None where they are not known: defaults do then. */
function lastSettings(
  definitions: readonly FeatureDefinition[],
  texts: unknown,
): ReadonlyMap<string, unknown> {
  const known = (texts ?? {}) as Readonly<Record<string, string>>
  const [configFile] = Object.keys(known)
  if (configFile === undefined) return new Map()
  const flags = { configFile, overrides: [], nodeAddresses: ['::1'] }
  try {
    return loadConfig(flags, definitions, (path) => {
      const text = known[path]
      if (text === undefined) throw new Error(`${path} is not known any more`)
      return text
    }).features
  } catch {
    return new Map()
  }
}

function filesBelow(root: string, files: Kernel['files']): Kernel['files'] {
  return {
    read: (path) => files.read(join(root, path)),
    revision: (path) => files.revision(join(root, path)),
    write: (path, text, mode) => files.write(join(root, path), text, mode),
    remove: (path) => files.remove(join(root, path)),
  }
}

function nodeFiles(root: string): NodeFiles {
  return {
    exists: (path) => existsSync(join(root, path)),
    isEmpty: (path) => existsSync(join(root, path)) && readdirSync(join(root, path)).length === 0,
    replaced: (path) => wasReplaced(join(root, path)),
    remove: (path) => removeOwn(join(root, path)),
  }
}
