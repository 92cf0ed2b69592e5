/** What Nodes say of themselves by annotation: the last good values of each, and an Event about those of this node's own Node that are not. */
import { regardingNode, type Statement } from '@podroute/cluster/events/event.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { type Annotated, NOT_ANNOTATED, readAnnotated } from './role.ts'

export interface NodeAnnotationsOptions {
  /** Of the Node that the agent runs on: it alone has Events, or every node of the cluster would say the same. */
  readonly localName: string
  readonly log: Pick<Logger, 'warn'>
  readonly events: { record(statement: Statement): void }
}

export class NodeAnnotations {
  readonly #options: NodeAnnotationsOptions
  /** Of Nodes that have such annotations. */
  readonly #annotated = new Map<string, Annotated>()
  readonly #said = new Map<string, string>()

  constructor(options: NodeAnnotationsOptions) {
    this.#options = options
  }

  of(name: string): Annotated {
    return this.#annotated.get(name) ?? NOT_ANNOTATED
  }

  /** @param node undefined: it is gone */
  read(name: string, node: Pick<ClusterNode, 'annotations'> | undefined): void {
    const { annotated, problems } = readAnnotated(node?.annotations ?? {}, this.of(name))
    if (node && !(annotated.role.kind === 'none' && annotated.asn === undefined))
      this.#annotated.set(name, annotated)
    else this.#annotated.delete(name)
    this.#say(
      name,
      problems.map((each) => `${each.name}: ${each.problem}`),
    )
  }

  #say(name: string, problems: readonly string[]): void {
    const text = problems.join(', ')
    if (text === (this.#said.get(name) ?? '')) return
    if (text === '') return void this.#said.delete(name)
    this.#said.set(name, text)
    const { localName, log, events } = this.#options
    log.warn('a Node has annotations that cannot be used', { node: name, problems })
    if (name !== localName) return
    events.record({
      regarding: regardingNode(name),
      type: 'Warning',
      reason: 'InvalidAnnotation',
      action: 'PlanPodNetwork',
      note: `${text}. What was valid before stays in force.`,
    })
  }
}
