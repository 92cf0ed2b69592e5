/** Follows the agents, or asks them on and on where there are many, and tells whoever listens what is different from before. */
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '@podroute/reconcile/clock.ts'
import { agentChanges, clusterChanges } from '../model/changes.ts'
import {
  type AgentReport,
  type Change,
  type ClusterReport,
  type Message,
  NOTHING_KNOWN,
} from '../model/report.ts'
import { isEmpty, unanswered, type WholeReport } from '../model/summary.ts'

/** Where reports come from: the agent of this node, or all agents by kubectl. */
export interface Source {
  readonly scope: 'node' | 'cluster'
  /** Nodes with an agent, and why one cannot be asked. @throws Error why nobody can be asked */
  agents(): Promise<readonly { readonly node: string; readonly trouble?: string }[]>
  whole(node: string): Promise<WholeReport>
  /** Tells what `whole` would say, now and whenever it is different. Ends when `signal` aborts. @throws Error why it goes on no longer */
  follow?(node: string, signal: AbortSignal, told: (report: WholeReport) => void): Promise<void>
  /** An answer of the agent's admin socket. @throws Error */
  ask(node: string, path: string): Promise<unknown>
}

export interface FeedOptions {
  readonly source: Source
  readonly clock: Clock
  /** Wall-clock time. */
  readonly wall: () => number
}

/** Milliseconds between two rounds. */
const PAUSE = 1000
/** Agents that are asked at one time: of kubectl's each is a process. */
const AT_ONCE = 8
/** Agents that are followed, of kubectl's by a process each; of more all are asked in turn. */
const MOST_FOLLOWED = 16
const MOST_CHANGES = 1000

export class Feed implements Disposable {
  readonly #options: FeedOptions
  readonly #listeners = new Set<(message: Message) => void>()
  readonly #agents = new Map<string, AgentReport>()
  #cluster: ClusterReport = NOTHING_KNOWN
  #changes: Change[] = []
  #timer: Disposable | undefined
  readonly #followed = new Map<string, AbortController>()
  /** Nodes of which nothing was heard: agents of a former version cannot be followed. They are asked. */
  readonly #mute = new Set<string>()
  /** Whose word on the cluster counts: others may be a moment behind. */
  #speaker: string | undefined
  #closed = false

  constructor(options: FeedOptions) {
    this.#options = options
  }

  start(): void {
    void this.#round()
  }

  /** Tells all there is, and then what changes. */
  subscribe(listener: (message: Message) => void): Disposable {
    this.#listeners.add(listener)
    listener({
      ...{ kind: 'all', scope: this.#options.source.scope, agents: [...this.#agents.values()] },
      ...{ cluster: this.#cluster, changes: this.#changes },
    })
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  ask(node: string, path: string): Promise<unknown> {
    return this.#options.source.ask(node, path)
  }

  [Symbol.dispose](): void {
    this.#closed = true
    for (const following of this.#followed.values()) following.abort()
    this.#timer?.[Symbol.dispose]()
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    const { source, clock } = this.#options
    try {
      const agents = await source.agents()
      const left = this.#follow(agents)
      let cluster: ClusterReport | undefined
      const worker = async () => {
        for (let next = left.shift(); next && !this.#closed; next = left.shift()) {
          const whole = await this.#askOne(next)
          if (!cluster && whole && !isEmpty(whole.cluster)) cluster = whole.cluster
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      if (cluster) this.#setCluster(cluster)
      this.#forgetOthers(new Set(agents.map(({ node }) => node)))
    } catch (error) {
      for (const node of this.#agents.keys()) this.#set(unanswered(node, (error as Error).message))
    }
    if (!this.#closed) this.#timer = clock.after(PAUSE, () => void this.#round())
  }

  /** @returns those that have to be asked */
  #follow(agents: readonly { readonly node: string; readonly trouble?: string }[]) {
    const { source } = this.#options
    if (this.#closed || !source.follow || agents.length > MOST_FOLLOWED) return [...agents]
    for (const { node, trouble } of agents)
      if (trouble === undefined && !this.#followed.has(node) && !this.#mute.has(node))
        void this.#followOne(node, source.follow)
    return agents.filter(({ node, trouble }) => trouble !== undefined || !this.#followed.has(node))
  }

  /** Until it goes on no longer; the next round begins anew. Never rejects. */
  async #followOne(node: string, follow: NonNullable<Source['follow']>): Promise<void> {
    const following = new AbortController()
    this.#followed.set(node, following)
    this.#mute.add(node)
    try {
      await follow(node, following.signal, ({ agent, cluster }) => {
        if (following.signal.aborted) return
        this.#mute.delete(node)
        this.#set(agent)
        if (!isEmpty(cluster)) this.#speaker ??= node
        if (this.#speaker === node) this.#setCluster(cluster)
      })
    } catch (error) {
      if (!following.signal.aborted && !this.#mute.has(node))
        this.#set(unanswered(node, (error as Error).message.split('\n')[0]!))
    }
    this.#followed.delete(node)
    if (this.#speaker === node) this.#speaker = undefined
  }

  async #askOne({ node, trouble }: { node: string; trouble?: string }): Promise<WholeReport | undefined> {
    try {
      if (trouble !== undefined) throw new Error(trouble)
      const whole = await this.#options.source.whole(node)
      this.#set(whole.agent)
      return whole
    } catch (error) {
      this.#set(unanswered(node, (error as Error).message.split('\n')[0]!))
      return undefined
    }
  }

  #set(report: AgentReport): void {
    const before = this.#agents.get(report.node)
    // What it says of time and memory changes always, and nobody looks for it here.
    if (before && isDeepStrictEqual(before, report)) return
    this.#agents.set(report.node, report)
    this.#tell({ kind: 'agent', report })
    if (before) this.#changed(report.node, agentChanges(before, report))
  }

  #setCluster(cluster: ClusterReport): void {
    if (isDeepStrictEqual(this.#cluster, cluster)) return
    const lines = isEmpty(this.#cluster) ? [] : clusterChanges(this.#cluster, cluster)
    this.#cluster = cluster
    this.#tell({ kind: 'cluster', cluster })
    this.#changed('', lines)
  }

  #forgetOthers(nodes: ReadonlySet<string>): void {
    for (const node of [...this.#agents.keys()].filter((name) => !nodes.has(name))) {
      this.#agents.delete(node)
      this.#followed.get(node)?.abort()
      this.#tell({ kind: 'gone', node })
      this.#changed(node, [{ kind: 'bad', text: 'no agent is there any more' }])
    }
  }

  #changed(node: string, lines: readonly Pick<Change, 'kind' | 'text'>[]): void {
    if (lines.length === 0) return
    const at = this.#options.wall()
    const changes = lines.map((line) => ({ at, node, ...line }))
    this.#changes = [...this.#changes, ...changes].slice(-MOST_CHANGES)
    this.#tell({ kind: 'changes', changes })
  }

  #tell(message: Message): void {
    for (const listener of this.#listeners) listener(message)
  }
}
