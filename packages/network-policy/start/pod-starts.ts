/**
 * Pods that are about to start: each waits in the CNI plugin until its policies are in place, or until its time is over. What it was
 * told outlives the agent, so that the next one knows addresses that no status shows yet.
 */
import type { Pod } from '@podroute/cluster/objects/pod.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import type { FilesApi, ServeLines } from '@podroute/kernel/kernel.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { Enforcement } from '../enforcement.ts'
import { AnnouncedPods } from './announced-pods.ts'
import { type Announcement, type Answer, namespaceOf, parseAnnouncement, speaksOf } from './announcement.ts'
import { KeptFile } from './kept-file.ts'

/** What of the enforcement a pod waits for. */
export interface Progress {
  readonly knowsPolicies: boolean
  readonly isInPlace: boolean
  readonly problem: string | undefined
  readonly enforcement:
    | Pick<Enforcement, 'hasPolicies' | 'announcementChanged' | 'flush' | 'status'>
    | undefined
}

export interface PodStartsOptions {
  /** Folder that the plugin knows. */
  readonly folder: string
  readonly cluster: Pick<ClusterView, 'pods' | 'networkPolicies' | 'clusterNetworkPolicies'>
  readonly kernel: { readonly files: FilesApi; readonly serveLines: ServeLines }
  readonly clock: Clock
  readonly log: Logger
  progress(): Progress
  /** Milliseconds until a pod is told that its policies are not in place. */
  timeout(): number
}

/** Names that the plugin knows (cni/bridge/network-policy.ts). */
const SOCKET = 'policy.sock'
const NAMESPACES = 'policy-namespaces'
/** Stands for every namespace there: policies of the whole cluster. */
const EVERY_NAMESPACE = '*'
const STARTING = 'policy-starting.json'

interface Waiting {
  readonly announcement: Announcement
  answer(answer: Answer): void
  reason: string
}

export class PodStarts {
  readonly #options: PodStartsOptions
  readonly #namespaces: KeptFile
  readonly #starting: KeptFile
  #announced = new AnnouncedPods()
  readonly #waiting = new Set<Waiting>()
  #flushing: Promise<unknown> | undefined
  #server: AsyncDisposable | undefined
  #switching: Promise<void> = Promise.resolve()
  #problem: string | undefined

  constructor(options: PodStartsOptions) {
    const { folder, kernel } = options
    this.#options = options
    this.#namespaces = new KeptFile(kernel.files, `${folder}/${NAMESPACES}`, options)
    this.#starting = new KeptFile(kernel.files, `${folder}/${STARTING}`, options)
  }

  /** Takes over what an earlier run was told, before anything is planned. */
  async read(): Promise<void> {
    this.#announced = new AnnouncedPods(parseKnown(await this.#starting.read()))
  }

  /** Whether pods are answered from now on. Changes are carried out one after the other. */
  serve(wanted: boolean): Promise<void> {
    this.#switching = this.#switching.then(() => this.#switch(wanted))
    return this.#switching
  }

  /** Why pods get no answer. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Addresses of a pod that its status need not say yet. */
  announced(pod: Pod): readonly string[] {
    return this.#announced.of(pod)
  }

  podChanged(key: string, before: Pod | undefined, after: Pod | undefined): void {
    if (this.#announced.podChanged(key, before, after)) this.#keep()
  }

  /** What some pod waits for may have come. */
  changed(): void {
    for (const waiting of this.#waiting) this.#look(waiting)
  }

  /** The plugin asks this file when no agent answers. To be called once all policies are known, and whenever they change. */
  policiesChanged(): void {
    const { progress } = this.#options
    if (!progress().knowsPolicies) return
    this.#namespaces.set(() => this.#namespacesText())
  }

  #namespacesText(): string {
    const { cluster } = this.#options
    const namespaces = new Set([...cluster.networkPolicies.values()].map(({ namespace }) => namespace))
    if (cluster.clusterNetworkPolicies.size > 0) namespaces.add(EVERY_NAMESPACE)
    return [...namespaces].sort().join('\n')
  }

  /** Nothing of it is left for the plugin. */
  async cleanup(): Promise<void> {
    await this[Symbol.asyncDispose]()
    await this.#namespaces.remove()
    await this.#starting.remove()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.serve(false)
    await this.#namespaces.settled
    await this.#starting.settled
  }

  async #switch(wanted: boolean): Promise<void> {
    const { folder, kernel, log } = this.#options
    if (wanted === (this.#server !== undefined)) return
    this.#problem = undefined
    if (!wanted) {
      await this.#server?.[Symbol.asyncDispose]()
      this.#server = undefined
      return
    }
    try {
      this.#server = await kernel.serveLines(`${folder}/${SOCKET}`, (line) => this.#answer(line))
    } catch (error) {
      this.#problem = `pods cannot ask for their policies: ${(error as Error).message}`
      log.error('pods cannot ask for their policies', { error })
    }
  }

  async #answer(line: string): Promise<string> {
    const announcement = parseAnnouncement(line)
    const { clock, timeout } = this.#options
    const answer = await new Promise<Answer>((resolve) => {
      const done = (result: Answer) => {
        timer[Symbol.dispose]()
        if (this.#waiting.delete(waiting)) resolve(result)
      }
      const waiting: Waiting = { announcement, reason: '', answer: done }
      const timer = clock.after(timeout(), () => done(this.#tooLate(waiting)))
      this.#waiting.add(waiting)
      this.#announce(announcement)
      this.#look(waiting)
    })
    return JSON.stringify(answer)
  }

  #announce(announcement: Announcement): void {
    const { enforcement } = this.#options.progress()
    for (const key of this.#announced.add(announcement)) enforcement?.announcementChanged(key)
    this.#keep()
  }

  #keep(): void {
    this.#starting.set(() => JSON.stringify(this.#announced.list()))
  }

  #look(waiting: Waiting): void {
    const { announcement } = waiting
    const { knowsPolicies, isInPlace, problem, enforcement } = this.#options.progress()
    const pod = this.#options.cluster.pods.get(announcement.key)
    if (!knowsPolicies) waiting.reason = 'waiting for networkpolicies'
    else if (!enforcement?.hasPolicies(namespaceOf(announcement))) waiting.answer({ state: 'ready' })
    else if (!isInPlace) waiting.reason = problem ?? 'first sync'
    else if (pod && speaksOf(announcement, pod)) void this.#write(waiting, enforcement)
    else waiting.reason = 'the API server has not shown the pod yet'
  }

  async #write(waiting: Waiting, enforcement: Pick<Enforcement, 'flush' | 'status'>): Promise<void> {
    const { key } = waiting.announcement
    // One under way may have begun before this pod was known.
    for (let round = 0; round < 2 && enforcement.status(key).state === 'pending'; round++)
      await this.#flush(enforcement)
    const { state, reasons } = enforcement.status(key)
    if (state === 'in-place' || state === 'absent') waiting.answer({ state: 'ready' })
    else waiting.reason = reasons[0] ?? 'not written to the kernel yet'
  }

  /** One for all that wait. */
  #flush(enforcement: Pick<Enforcement, 'flush'>): Promise<unknown> {
    this.#flushing ??= enforcement.flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  #tooLate({ reason }: Waiting): Answer {
    const { knowsPolicies } = this.#options.progress()
    return { state: knowsPolicies ? 'failed' : 'unknown', reason }
  }
}

/** What cannot be read was nothing. */
function parseKnown(text: string | undefined): readonly Announcement[] {
  try {
    return (JSON.parse(text ?? '[]') as Announcement[]).filter(
      ({ key, uid, addresses }) =>
        typeof key === 'string' && typeof uid === 'string' && Array.isArray(addresses),
    )
  } catch {
    return []
  }
}
