/**
 * `podroute cleanup`: takes from a node exactly what agents have left there, without an agent and without an API server. What each
 * feature has in the kernel it says itself; kernel parameters, plugins and state files are the agent's.
 */
import type { FeatureDefinition, LeftBehind } from '@podroute/feature/feature.ts'
import type { Kernel, SysctlApi } from '@podroute/kernel/kernel.ts'
import type { Flushable } from '@podroute/reconcile/flush-order.ts'
import type { FormerSysctls } from './former-sysctls.ts'

/** Files and folders of the node. */
export interface NodeFiles {
  exists(path: string): boolean
  /** Whether it is a folder with nothing in it. */
  isEmpty(path: string): boolean
  /** Whether it took the place of a file that comes back when it goes. */
  replaced(path: string): boolean
  /** With all that is in it; done also where there is none. @throws Error */
  remove(path: string): void
}

export interface CleanupOptions {
  readonly kernel: Kernel
  readonly definitions: readonly FeatureDefinition[]
  /** Settings of the last agent by the name of the feature, as far as they are known. */
  readonly settings: ReadonlyMap<string, unknown>
  readonly former: FormerSysctls | undefined
  readonly bootId: string
  readonly files: NodeFiles
  /** Of the agent itself, the last to go: where it fails, the next cleanup knows as much as this one. */
  readonly paths: readonly string[]
  readonly dryRun: boolean
  /** Also where pods would lose their network. */
  readonly withPods: boolean
}

/** to-remove: it would go; removed; left: it could not be removed; kept: somebody else has changed it since. */
type CleanupOutcome = 'to-remove' | 'removed' | 'left' | 'kept'

export interface CleanupItem {
  /** A feature's table, `sysctl` or `file`. */
  readonly what: string
  readonly key: string
  readonly outcome: CleanupOutcome
  readonly detail: string
}

export interface CleanupReport {
  /** Why nothing was touched; empty: it was not refused. */
  readonly refused: readonly string[]
  readonly items: readonly CleanupItem[]
}

export async function cleanUpNode(options: CleanupOptions): Promise<CleanupReport> {
  const { kernel, definitions, settings, dryRun, withPods } = options
  const features: (LeftBehind & { readonly name: string })[] = []
  for (const { name, leftBehind } of definitions)
    if (leftBehind) features.push({ name, ...(await leftBehind(kernel, settings.get(name))) })
  const refused = withPods ? [] : features.flatMap(({ inUse }) => inUse ?? [])
  if (refused.length > 0 && !dryRun) return { refused, items: [] }
  const items: CleanupItem[] = []
  // Who came last stands on those before it.
  for (const { name, tables } of features.toReversed())
    for (const table of tables) items.push(...(await emptied(`${name}/${table.name}`, table, dryRun)))
  items.push(...putBack(options))
  items.push(...features.flatMap(({ paths = [] }) => removed(paths, options)))
  for (const path of features.flatMap(({ folders = [] }) => folders))
    if (options.files.isEmpty(path)) items.push(...removed([path], options))
  const isLeft = items.some(({ outcome }) => outcome === 'left')
  if (!isLeft) items.push(...removed(options.paths, options))
  return { refused, items }
}

async function emptied(what: string, table: Flushable, dryRun: boolean): Promise<readonly CleanupItem[]> {
  const item = (key: string, outcome: CleanupOutcome, detail = '') => ({ what, key, outcome, detail })
  try {
    await table.adopt()
    table.sweep()
    const keys = table.pending().map(({ key }) => key)
    if (dryRun) return keys.map((key) => item(key, 'to-remove'))
    await table.flush()
    const failures = new Map(table.failures())
    return keys.map((key) => {
      const error = failures.get(key)
      return error ? item(key, 'left', error.message) : item(key, 'removed')
    })
  } catch (error) {
    return [item('', 'left', (error as Error).message)]
  }
}

/** The last one that was set is put back first. */
function putBack({ kernel, former, bootId, dryRun }: CleanupOptions): readonly CleanupItem[] {
  if (former?.bootId !== bootId) return []
  return former.values.toReversed().flatMap(({ name, former: value, ours }) => {
    const item = (outcome: CleanupOutcome, detail: string) => [{ what: 'sysctl', key: name, outcome, detail }]
    const now = kernel.sysctls.read(name)
    if (now === undefined || now === value) return []
    if (now !== ours) return item('kept', `it is ${now} by now, which the agent did not set`)
    const change = `${ours} -> ${value}`
    if (dryRun) return item('to-remove', change)
    const problem = written(kernel.sysctls, name, value)
    return problem === undefined ? item('removed', change) : item('left', problem)
  })
}

function written(sysctls: SysctlApi, name: string, value: string): string | undefined {
  try {
    sysctls.write(name, value)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function removed(paths: readonly string[], { files, dryRun }: CleanupOptions): readonly CleanupItem[] {
  return paths
    .filter((path) => files.exists(path))
    .map((path): CleanupItem => {
      const detail = files.replaced(path) ? 'the one that was here before comes back' : ''
      const item = { what: 'file', key: path, detail }
      if (dryRun) return { ...item, outcome: 'to-remove' }
      try {
        files.remove(path)
        return { ...item, outcome: 'removed' }
      } catch (error) {
        return { ...item, outcome: 'left', detail: (error as Error).message }
      }
    })
}
