/** Fields of Nodes that cannot be used, and addresses that several Nodes have: said once, however often the Node changes. */

import { regardingNode, type Statement } from '@podroute/cluster/events/event.ts'
import type { SharedClaim } from '@podroute/cluster/node-index.ts'
import { type ClusterNode, sameFields } from '@podroute/cluster/objects/node.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { ClusterNodes } from './cluster-nodes.ts'

export interface NodeProblemsOptions {
  readonly log: Logger
  /** Of the Node that the agent runs on: it alone has Events, or every node of the cluster would say the same. */
  readonly localName: string
  readonly events: { record(statement: Statement): void }
}

export class NodeProblems {
  readonly #options: NodeProblemsOptions
  readonly #said = new Map<string, string>()

  constructor(options: NodeProblemsOptions) {
    this.#options = options
  }

  /** To be called before `others` knows of the change. */
  check(node: ClusterNode, others: Pick<ClusterNodes, 'reported' | 'sharedClaims'>): void {
    const before = others.reported(node.name)
    if (before && sameFields(before, node)) return
    const shared = others.sharedClaims(node)
    const problems = [...node.problems.map(problemText), ...shared.map(sharedText)]
    const text = problems.join()
    if (problems.length > 0 && text !== this.#said.get(node.name)) {
      this.#options.log.warn('a Node has fields that cannot be used', { node: node.name, problems })
      this.#sayConflict(node, shared)
    }
    this.#said.set(node.name, text)
  }

  forget(name: string): void {
    this.#said.delete(name)
  }

  /** One Event for all that this node shares, whichever of the two changed. */
  #sayConflict(node: ClusterNode, shared: readonly SharedClaim[]): void {
    const { localName, events } = this.#options
    const concerned = shared.filter(({ other }) => node.name === localName || other.name === localName)
    if (concerned.length === 0) return
    const texts = concerned.map(({ path, value, other }) => {
      const name = node.name === localName ? other.name : node.name
      return `${path}: ${value} is also of Node ${name}`
    })
    events.record({
      regarding: regardingNode(localName),
      type: 'Warning',
      reason: 'NodeConflict',
      action: 'PlanPodNetwork',
      note: `${texts.join(', ')}. Where that is this machine under an older name, delete that Node.`,
    })
  }
}

function sharedText({ path, value, other }: SharedClaim): string {
  return `${path}: ${value} is ${other.name}'s already`
}
