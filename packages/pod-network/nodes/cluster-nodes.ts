/**
 * The Nodes of the cluster, indexed as the pod network asks for them. A Node that lacks its prefixes or its addresses has those that it
 * last had, and the local Node is there even while it is deleted: its pods run on, and nothing of theirs may go for that.
 */
import { NodeIndex, type SharedClaim } from '@podroute/cluster/node-index.ts'
import type { AddressType, ClusterNode } from '@podroute/cluster/objects/node.ts'
import { withFieldsOf } from './last-known-fields.ts'

const BOTH: readonly AddressType[] = ['InternalIP', 'ExternalIP']

export class ClusterNodes {
  readonly #localName: string | undefined
  readonly #nodes = new Map<string, ClusterNode>()
  readonly #index = new NodeIndex(this.#nodes)
  /** As the API server has them now, with the addresses that are used. */
  readonly #reported = new Map<string, ClusterNode>()
  readonly #addressTypes: () => readonly AddressType[]

  /**
   * @param localName of the Node that the agent runs on
   * @param addressTypes which of its addresses a Node is reached at: those of the first type that it has any of
   */
  constructor(localName?: string, addressTypes: () => readonly AddressType[] = () => BOTH) {
    this.#localName = localName
    this.#addressTypes = addressTypes
  }

  get size(): number {
    return this.#nodes.size
  }

  get(name: string): ClusterNode | undefined {
    return this.#nodes.get(name)
  }

  /** The Node as the API server has it now, with nothing kept from before. */
  reported(name: string): ClusterNode | undefined {
    return this.#reported.get(name)
  }

  values(): Iterable<ClusterNode> {
    return this.#nodes.values()
  }

  /** The Node with those of its addresses that are used. */
  asReached(node: ClusterNode): ClusterNode {
    const type = this.#addressTypes().find((candidate) => node.addressesByType[candidate].length > 0)
    return { ...node, addresses: type === undefined ? [] : node.addressesByType[type] }
  }

  /** Returns what was there before. */
  set(told: ClusterNode): ClusterNode | undefined {
    const { name } = told
    const reported = this.asReached(told)
    const before = this.#nodes.get(name)
    const node = before ? withFieldsOf(reported, before) : reported
    this.#reported.set(name, reported)
    this.#nodes.set(name, node)
    this.#index.update(name, node)
    return before
  }

  /** Returns what was there before. */
  delete(name: string): ClusterNode | undefined {
    const node = this.#nodes.get(name)
    this.#reported.delete(name)
    if (name === this.#localName) return node
    this.#nodes.delete(name)
    this.#index.update(name, undefined)
    return node
  }

  /** Other addresses may be used now. */
  addressTypesChanged(): void {
    for (const node of [...this.#reported.values()]) this.set(node)
  }

  /** What other Nodes have as well as this one. */
  sharedClaims(node: ClusterNode): readonly SharedClaim[] {
    return this.#index.sharedClaims(node)
  }

  /** Of several Nodes that have the address, the one that is most likely there. */
  withAddress(address: string): ClusterNode | undefined {
    return this.#index.withAddress(address)
  }

  /** All Nodes that have the address, the one that is most likely there first. */
  claimantsOfAddress(address: string): readonly ClusterNode[] {
    return this.#index.claimantsOfAddress(address)
  }

  /** The Node with exactly this pod prefix. */
  withPodCidr(prefix: string): ClusterNode | undefined {
    return this.#index.withPodCidr(prefix)
  }
}
