/**
 * What the last agent knew of the Nodes, for one that starts while the API server does not answer: without it nothing is announced, and
 * routers forget the node's pods when their restart time is over (RFC 4724). Of this boot alone: after another one there are no pods, and
 * their prefixes may be another Node's.
 */

import { type Cidr, parseCidr } from '@podroute/address/cidr.ts'
import type { ClusterNode, NodeObject } from '@podroute/cluster/objects/node.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import { isSame } from '@podroute/cluster/objects/same.ts'
import type { Store } from '@podroute/feature/feature.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import * as z from 'zod'

/** Milliseconds that the API server has to tell all Nodes. */
export const PATIENCE = 3000
/** Milliseconds from a change until it is written down, which many share. */
const SAVE_AFTER = 1000
/** Milliseconds between two that are written down for other Nodes: a cluster of thousands changes all the time. */
const SAVE_PAUSE = 30_000

export interface LastKnown {
  readonly nodes: readonly NodeObject[]
  /** Ranges of Services. */
  readonly serviceRanges: readonly string[]
}

const strings = z.array(z.string())
const texts = z.record(z.string(), z.string())
const node = z.object({
  ...{ name: z.string(), podCIDRs: strings, internalIPs: strings, ready: z.boolean() },
  ...{ externalIPs: strings.optional(), zone: z.string().optional(), leaving: z.boolean().optional() },
  ...{ ending: z.string().optional(), created: z.number().optional(), unschedulable: z.boolean().optional() },
  ...{ labels: texts.optional(), annotations: texts.optional() },
  taints: z.array(z.object({ key: z.string(), value: z.string(), effect: z.string() })).optional(),
})
export const LAST_KNOWN = z.object({ nodes: z.array(node), serviceRanges: strings })

/** Who is told of the Nodes. */
export interface NodesSink {
  setNode(node: ClusterNode): void
  removeNode(name: string): void
  setServiceRanges(ranges: readonly Cidr[]): void
  /** The Nodes are as they were: no more is known for now. */
  nodesAsLastKnown(): void
  nodesSynced(): void
}

export interface LastKnownNodesOptions {
  readonly nodeName: string
  readonly store: Store<LastKnown>
  readonly clock: Clock
  readonly log: Pick<Logger, 'warn' | 'info'>
  readonly sink: NodesSink
}

export class LastKnownNodes implements Disposable {
  readonly #options: LastKnownNodesOptions
  /** Those that the API server has told. */
  readonly #nodes = new Map<string, ClusterNode>()
  /** Names of those that the last agent alone has told. */
  readonly #kept = new Set<string>()
  #ranges: readonly Cidr[] | undefined
  #synced = false
  #waiting: Disposable | undefined
  #saving: Disposable | undefined
  /** Clock time of the last that was written down, and of the next. */
  #saved = Number.NEGATIVE_INFINITY
  #due = Number.POSITIVE_INFINITY

  constructor(options: LastKnownNodesOptions) {
    this.#options = options
  }

  /** The API server is waited for from now on. */
  start(): void {
    this.#waiting = this.#options.clock.after(PATIENCE, () => this.#recall())
  }

  /** As the API server has it; undefined: it has it no more. */
  changed(name: string, node: ClusterNode | undefined): void {
    const { sink } = this.#options
    const before = this.#nodes.get(name)
    this.#kept.delete(name)
    if (node) this.#nodes.set(name, node)
    else this.#nodes.delete(name)
    if (node) sink.setNode(node)
    else sink.removeNode(name)
    if (before && node && isSame(before, node)) return
    this.#changed(name === this.#options.nodeName ? SAVE_AFTER : this.#pause())
  }

  rangesChanged(ranges: readonly Cidr[]): void {
    this.#ranges = ranges
    this.#options.sink.setServiceRanges(ranges)
    this.#changed(this.#pause())
  }

  /** The API server has told all. */
  synced(): void {
    this.#synced = true
    this.#waiting?.[Symbol.dispose]()
    for (const name of this.#kept) this.#options.sink.removeNode(name)
    this.#kept.clear()
    this.#options.sink.nodesSynced()
    this.#changed(SAVE_AFTER)
  }

  [Symbol.dispose](): void {
    this.#waiting?.[Symbol.dispose]()
    this.#saving?.[Symbol.dispose]()
  }

  #recall(): void {
    const { store, log, sink, nodeName } = this.#options
    const last = store.load()
    // Without its prefixes there is nothing to announce, and routers would be told that this is all.
    if (!last?.nodes.some(({ name, podCIDRs }) => name === nodeName && podCIDRs.length > 0)) return
    log.warn('the API server does not answer: Nodes are taken for what they were', {
      nodes: last.nodes.length,
    })
    if (!this.#ranges) sink.setServiceRanges(last.serviceRanges.flatMap((text) => parseCidr(text) ?? []))
    for (const object of last.nodes) {
      if (this.#nodes.has(object.name)) continue
      this.#kept.add(object.name)
      sink.setNode(parseNode(object))
    }
    sink.nodesAsLastKnown()
  }

  #pause(): number {
    return Math.max(SAVE_AFTER, this.#saved + SAVE_PAUSE - this.#options.clock.now())
  }

  /** @param within milliseconds until it is written down */
  #changed(within: number): void {
    const { clock } = this.#options
    const due = clock.now() + within
    if (!this.#synced || due >= this.#due) return
    this.#saving?.[Symbol.dispose]()
    this.#due = due
    this.#saving = clock.after(within, () => this.#save())
  }

  #save(): void {
    const { store, clock, nodeName } = this.#options
    this.#due = Number.POSITIVE_INFINITY
    this.#saved = clock.now()
    const nodes = Array.from(this.#nodes.values(), (node) => objectOf(node, node.name === nodeName))
    // The next agent could do nothing with it.
    if (!this.#nodes.has(nodeName)) return
    store.save({ nodes, serviceRanges: (this.#ranges ?? []).map(({ text }) => text) })
  }
}

/** @param whole with what means something for the node itself alone */
function objectOf(node: ClusterNode, whole: boolean): NodeObject {
  const { name, podCidrs, addressesByType, ready, zone, leaving, created, annotations } = node
  const { ending, labels, taints, unschedulable } = node
  return {
    ...{ name, podCIDRs: podCidrs.map(({ text }) => text), ready, zone, leaving, created, annotations },
    internalIPs: addressesByType.InternalIP.map(({ text }) => text),
    externalIPs: addressesByType.ExternalIP.map(({ text }) => text),
    ...(ending && { ending }),
    ...(whole && { labels, taints, unschedulable }),
  }
}
