/**
 * Whether the CNI plugins on the node are those that prepare-node has put there: packages of others bring files of the same names, and an
 * upgrade of one puts them over ours. The agent only looks: what is in that folder runs as root on the node, so it may not write there.
 */
import { type Condition, condition } from '@podroute/feature/condition.ts'
import { PLUGIN_MARK } from '@podroute/kernel/files/plugin-mark.ts'
import type { FilesApi } from '@podroute/kernel/kernel.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'

export interface InstalledPluginsOptions {
  readonly files: Pick<FilesApi, 'read' | 'revision'>
  readonly nodeName: string
  /** The pods hang on a bridge of ours, by our plugins. */
  cni(): boolean
  readonly clock: Clock
  readonly log: Logger
  /** What is wrong with them, once for as long as it is so. */
  say(problem: string): void
}

/** In the agent's container, wherever the node has it. */
export const PLUGIN_FOLDER = '/opt/cni/bin'
/** All names are of this one file. */
const EXECUTABLE = `${PLUGIN_FOLDER}/podroute-cni`
const NAMES = ['bridge', 'host-local', 'loopback', 'portmap'] as const
/** In milliseconds: no watch of a folder tells of what is moved below a mount of it. */
const LOOK_AGAIN = 60_000

/** The plugin `bridge` alone does more than a package's. */
const lost = (others: readonly string[]) =>
  others.includes('bridge') ? ': new pods start without source check, and do not wait for their policies' : ''

export class InstalledPlugins implements Disposable {
  readonly #options: InstalledPluginsOptions
  /** Files that are not the executable, by their revisions: each is read once. */
  readonly #known = new Map<string, boolean>()
  #timer: Disposable | undefined
  #problem: string | undefined
  #disposed = false

  constructor(options: InstalledPluginsOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    await this.look()
    if (this.#disposed) return
    this.#timer = this.#options.clock.after(LOOK_AGAIN, () => void this.start())
  }

  /** What cannot be read stays as it was. */
  async look(): Promise<void> {
    const { log, say } = this.#options
    try {
      const problem = await this.#find()
      if (problem !== undefined && problem !== this.#problem) say(problem)
      this.#problem = problem
    } catch (error) {
      log.warn('the CNI plugins cannot be looked at', { error: (error as Error).message })
    }
  }

  /** It keeps no node from being ready: pods of before go on, and new ones may have a network all the same. */
  condition(): Condition {
    const problem = this.#options.cni() ? this.#problem : undefined
    return { ...condition('cni-plugins', problem), advisory: true }
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#timer?.[Symbol.dispose]()
  }

  async #find(): Promise<string | undefined> {
    const { files, nodeName, cni } = this.#options
    const own = await files.revision(EXECUTABLE)
    const found = await Promise.all(NAMES.map(async (name) => [name, await this.#kind(name, own)] as const))
    const named = (kind: string) => found.flatMap(([name, is]) => (is === kind ? [name] : []))
    const [missing, others] = [named('missing'), named('other')]
    // An agent outside of its container does not see the folder.
    if (!cni() || (own === undefined && missing.length === NAMES.length)) return undefined
    const problems = [
      ...(others.length > 0
        ? [`a package’s ${others.join(', ')} in place of podroute’s${lost(others)}`]
        : []),
      ...(missing.length > 0 ? [`no ${missing.join(', ')}: new pods do not start`] : []),
    ]
    if (problems.length === 0) return undefined
    const todo = `kubectl -n kube-system delete pod -l app=podroute --field-selector spec.nodeName=${nodeName}`
    return `${PLUGIN_FOLDER} has ${problems.join('; ')}. The next agent’s prepare-node puts them back: ${todo}`
  }

  async #kind(name: string, own: string | undefined): Promise<'own' | 'other' | 'missing'> {
    const path = `${PLUGIN_FOLDER}/${name}`
    const revision = await this.#options.files.revision(path)
    if (revision === undefined) return 'missing'
    if (revision === own) return 'own'
    // A folder that was copied has a file for each name.
    const isOwn = this.#known.get(revision) ?? (await this.#options.files.read(path))?.includes(PLUGIN_MARK)
    this.#known.set(revision, isOwn === true)
    return isOwn ? 'own' : 'other'
  }
}
