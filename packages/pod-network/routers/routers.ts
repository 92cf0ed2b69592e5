/** The routers that are peers of this node, and what is said where an entry that selects it cannot be used: once, and by this node alone. */
import { regardingNode, type Statement } from '@podroute/cluster/events/event.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { ExternalPeer } from '../settings.ts'
import { selectRouters } from './selection.ts'

export interface RoutersOptions {
  readonly nodeName: string
  readonly log: Logger
  readonly events: { record(statement: Statement): void }
}

export class Routers {
  readonly #options: RoutersOptions
  #selected: readonly ExternalPeer[] = []
  #problems: readonly string[] = []

  constructor(options: RoutersOptions) {
    this.#options = options
  }

  /** Of the configured ones. @param local undefined while this node's own Node is not known */
  select(entries: readonly ExternalPeer[], local: ClusterNode | undefined): readonly ExternalPeer[] {
    const { routers, problems } = selectRouters(entries, local, this.#selected)
    this.#selected = routers
    const texts = problems.map(({ path, message }) => `${path}: ${message}`)
    for (const text of texts) if (!this.#problems.includes(text)) this.#say(text)
    this.#problems = texts
    return routers
  }

  condition(): Condition {
    const [first, ...others] = this.#problems
    const more = others.length > 0 ? `, and ${others.length} more` : ''
    // One router must not make a node unready that has others, or needs none.
    return { ...condition('routers', first && `${first}${more}`), advisory: true }
  }

  #say(note: string): void {
    const { log, events, nodeName } = this.#options
    log.warn('a router cannot be a peer as it is configured', { problem: note })
    events.record({
      ...{ regarding: regardingNode(nodeName), type: 'Warning', reason: 'RouterNotUsable' },
      ...{ action: 'PlanPodNetwork', note },
    })
  }
}
