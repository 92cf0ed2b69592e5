/**
 * Nodes whose connections routers lead to other nodes: those that are to be left, and those that were until not long ago, as connections
 * that last stay where routers have led them. All nodes see the same, so that each hands on to the next one in the order of names.
 */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Store } from '@podroute/feature/feature.ts'
import * as z from 'zod'
import { type DrainSettings, nodeDrain } from '../nodes/node-drain.ts'

/** Names of Nodes. */
export type KeptLeftNodes = readonly string[]

export const KEPT_LEFT_NODES = z.array(z.string())

/** Milliseconds for which a node that is not left any more still gets what others do not know. */
export const RETURNED_FOR = 3_600_000
/** Most nodes that a packet is handed on to, one after the other: each takes one off its TTL. */
export const MOST = 8

interface LeftNode {
  readonly node: ClusterNode
  /** Clock time in milliseconds until which it counts; undefined: it is being left. */
  readonly until: number | undefined
}

export class LeftNodes {
  readonly #store: Store<KeptLeftNodes>
  readonly #left = new Map<string, LeftNode>()
  /** Of the last agent, of Nodes that have not been looked at since. */
  readonly #kept: Set<string>
  #saved: string

  /** @param store what the last agent knew */
  constructor(store: Store<KeptLeftNodes>) {
    this.#store = store
    const kept = store.load() ?? []
    this.#kept = new Set(kept)
    this.#saved = JSON.stringify(kept)
  }

  get size(): number {
    return this.#left.size
  }

  /** One that is not ready counts no more: its kernel may know nothing after that. Its machine may shut down all the same. */
  set(name: string, node: ClusterNode | undefined, drain: DrainSettings, now: number): void {
    const before = this.#left.get(name)
    const wasKept = this.#kept.delete(name)
    if (!node || !(node.ready || node.ending === 'shutdown')) this.#left.delete(name)
    else if (nodeDrain(node, drain) !== undefined) this.#left.set(name, { node, until: undefined })
    else if (before || wasKept) this.#left.set(name, { node, until: before?.until ?? now + RETURNED_FOR })
    this.#save()
  }

  /** Those after a node in the order of names; of all where it is none of them itself. */
  after(name: string): readonly ClusterNode[] {
    const names = [...this.#left.keys()].sort().slice(0, MOST)
    const rest = names.slice(names.indexOf(name) + 1)
    return rest.map((one) => this.#left.get(one)!.node)
  }

  /** Forgets those whose time is over. Returns the clock time at which the next one's is; undefined: none's. */
  expire(now: number): number | undefined {
    const { size } = this.#left
    let next: number | undefined
    for (const [name, { until }] of this.#left) {
      if (until === undefined) continue
      if (until <= now) this.#left.delete(name)
      else next = Math.min(until, next ?? until)
    }
    if (this.#left.size < size) this.#save()
    return next
  }

  #save(): void {
    const names = [...new Set([...this.#left.keys(), ...this.#kept])].sort()
    const text = JSON.stringify(names)
    if (text === this.#saved) return
    this.#saved = text
    this.#store.save(names)
  }
}
