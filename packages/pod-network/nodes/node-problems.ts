/** Fields of Nodes that cannot be used, and addresses that several Nodes have: said once, however often the Node changes. */

import { regardingNode, type Statement } from '@podroute/cluster/events/event.ts'
import type { SharedClaim } from '@podroute/cluster/node-index.ts'
import { type ClusterNode, sameFields } from '@podroute/cluster/objects/node.ts'
import { problemText } from '@podroute/cluster/objects/problem.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { RefusedAddress } from './address-judge.ts'
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
  /** By the Node, what of its addresses was said to be refused. */
  readonly #refused = new Map<string, string>()

  constructor(options: NodeProblemsOptions) {
    this.#options = options
  }

  /** To be called before `others` knows of the change. */
  check(node: ClusterNode, others: Pick<ClusterNodes, 'reported' | 'sharedClaims'>): void {
    const before = others.reported(node.name)
    if (before && sameFields(before, node)) return
    const shared = others.sharedClaims(node)
    const unreached = node.name === this.#options.localName ? prefixesWithoutAddress(node) : []
    const problems = [...node.problems.map(problemText), ...shared.map(sharedText), ...unreached]
    const text = problems.join()
    if (problems.length > 0 && text !== this.#said.get(node.name)) {
      this.#options.log.warn('a Node has fields that cannot be used', { node: node.name, problems })
      this.#sayConflict(node, shared)
    }
    this.#said.set(node.name, text)
  }

  forget(name: string): void {
    this.#said.delete(name)
    this.#refused.delete(name)
  }

  /** What a Node claims and does not have, as it was judged last; whoever judges tells it each time. */
  addressesRefused(
    name: string,
    refused: readonly RefusedAddress[],
    nodes: Pick<ClusterNodes, 'values'>,
  ): void {
    const problems = refused.filter(({ expected }) => !expected).map(refusedText)
    const text = problems.join()
    if (text === (this.#refused.get(name) ?? '')) return
    this.#refused.set(name, text)
    if (text === '') return
    this.#options.log.warn('a Node claims addresses that are not a node’s', { node: name, problems })
    if (this.#speaksOf(name, nodes)) this.#options.events.record(refusal(name, problems))
  }

  /** One node says it for all, and not the one that it is about: the first that is Ready. */
  #speaksOf(name: string, nodes: Pick<ClusterNodes, 'values'>): boolean {
    const { localName } = this.#options
    for (const node of nodes.values())
      if (node.ready && node.name !== name && node.name < localName) return false
    return true
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

/** Nobody can be told of a prefix without a next hop of its family; those of the other family go on. */
function prefixesWithoutAddress({ podCidrs, addresses }: ClusterNode): string[] {
  const families = new Set(addresses.map(({ family }) => family))
  if (families.size === 0) return []
  return podCidrs
    .filter(({ family }) => !families.has(family))
    .map(
      ({ text, family }) =>
        `spec.podCIDRs: ${text} is announced to nobody: the Node has no IPv${family} address`,
    )
}

function refusedText({ address, reason }: RefusedAddress): string {
  return `${address}: ${reason}`
}

function refusal(name: string, problems: readonly string[]): Statement {
  return {
    regarding: regardingNode(name),
    type: 'Warning',
    reason: 'NodeAddressRefused',
    action: 'PlanPodNetwork',
    note: `not taken for addresses of this node, pods reach them masqueraded: ${problems.join(', ')}`,
  }
}
