/** Fields of Nodes that cannot be used: said once, however often the Node changes. */

import { type ClusterNode, sameFields } from '@podroute/cluster/objects/node.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { ClusterNodes } from './cluster-nodes.ts'

export class NodeProblems {
  readonly #log: Logger
  readonly #said = new Map<string, string>()

  constructor(log: Logger) {
    this.#log = log
  }

  /** To be called before `others` knows of the change. */
  check(node: ClusterNode, others: Pick<ClusterNodes, 'reported' | 'claimedByOthers'>): void {
    const before = others.reported(node.name)
    if (before && sameFields(before, node)) return
    const problems = [...node.problems.map(problemText), ...others.claimedByOthers(node)]
    const text = problems.join()
    if (problems.length > 0 && text !== this.#said.get(node.name))
      this.#log.warn('a Node has fields that cannot be used', { node: node.name, problems })
    this.#said.set(node.name, text)
  }

  forget(name: string): void {
    this.#said.delete(name)
  }
}
