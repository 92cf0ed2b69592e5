/**
 * Pod prefixes of Nodes by annotation (`pod-cidrs`, `pod-cidr`), in place of those of their spec. A kubelet may annotate its own Node, while
 * the spec is the cluster's word: so an annotation is believed inside `podNetwork.clusterCIDRs` alone, and never about what another Node has
 * by its spec, or an older Node by its annotation. All nodes judge alike, by the objects alone and not by their order.
 */

import { type Cidr, contains, overlaps, parseCidr } from '@podroute/address/cidr.ts'
import { findAnnotation } from '@podroute/cluster/objects/annotations.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { podCidrProblem } from '@podroute/cluster/objects/parse-node.ts'
import type { Store } from '@podroute/feature/feature.ts'
import * as z from 'zod'
import { OwnedPrefixes } from './owned-prefixes.ts'
import { listOf } from './topic.ts'

/** The one that kube-router prefers comes first. */
export const POD_CIDR_ANNOTATIONS = ['pod-cidr', 'pod-cidrs'] as const

/** Prefixes that are in effect, by the name of their Node. */
export type KeptPodCidrs = Readonly<Record<string, readonly string[]>>

export const KEPT_POD_CIDRS = z.record(z.string(), z.array(z.string()))

export interface PodCidrOverridesOptions {
  clusterCidrs(): readonly Cidr[]
  /** What was in effect in the last agent: an annotation that cannot be read takes nothing away over a restart either. */
  readonly store: Store<KeptPodCidrs>
  /** What is wrong with a Node's annotation; none: nothing. Called when it is something else than before. */
  refused(node: string, problems: readonly string[]): void
}

interface Claim {
  readonly prefixes: readonly Cidr[]
  readonly problems: readonly string[]
}

export class PodCidrOverrides {
  readonly #options: PodCidrOverridesOptions
  /** As the API server has them. */
  readonly #told = new Map<string, ClusterNode>()
  readonly #bySpec = new OwnedPrefixes()
  /** Of Nodes with an annotation, those that are in effect. */
  readonly #effective = new Map<string, readonly Cidr[]>()
  /** Names of Nodes with an annotation, and of those that had one. */
  readonly #annotated = new Set<string>()
  readonly #problems = new Map<string, string>()
  /** In effect in the last agent, of Nodes that have not been judged since. */
  readonly #kept: Map<string, readonly Cidr[]>
  #saved: string

  constructor(options: PodCidrOverridesOptions) {
    this.#options = options
    const kept = options.store.load() ?? {}
    this.#saved = JSON.stringify(kept)
    this.#kept = new Map(
      Object.entries(kept).map(([name, texts]) => [name, texts.flatMap((text) => parseCidr(text) ?? [])]),
    )
  }

  /** Returns the Node with the prefixes that it is to have, and other Nodes that have others for that. */
  set(node: ClusterNode): readonly ClusterNode[] {
    const { name } = node
    const before = this.#told.get(name)
    this.#told.set(name, node)
    // Heartbeats are judged by nobody.
    const same = before !== undefined && factsOf(before) === factsOf(node)
    if (!same) this.#forget(name, before)
    if (!same) this.#keep(node)
    const others = same || this.#annotated.size === 0 ? [] : this.#judge().filter((other) => other !== name)
    return [name, ...others].flatMap((each) => this.#node(each) ?? [])
  }

  /** Returns Nodes that have other prefixes for that. */
  delete(name: string): readonly ClusterNode[] {
    this.#forget(name, this.#told.get(name))
    this.#told.delete(name)
    this.#effective.delete(name)
    this.#kept.delete(name)
    this.#annotated.delete(name)
    this.#say(name, [])
    return this.#rejudged()
  }

  /** The ranges of the cluster are others. Returns Nodes that have other prefixes for that. */
  rangesChanged(): readonly ClusterNode[] {
    return this.#rejudged()
  }

  #rejudged(): readonly ClusterNode[] {
    return this.#judge().flatMap((name) => this.#node(name) ?? [])
  }

  #node(name: string): ClusterNode | undefined {
    const node = this.#told.get(name)
    const podCidrs = this.#effective.get(name)
    return node && podCidrs ? { ...node, podCidrs } : node
  }

  #forget(name: string, before: ClusterNode | undefined): void {
    for (const prefix of before?.podCidrs ?? []) this.#bySpec.delete(name, prefix)
    // It is judged once more, so that what it had is given back.
    if (!this.#effective.has(name)) this.#annotated.delete(name)
  }

  #keep(node: ClusterNode): void {
    for (const prefix of node.podCidrs) this.#bySpec.add(node.name, prefix)
    if (textOf(node)) this.#annotated.add(node.name)
  }

  /** Judges all annotations, those of older Nodes first. Returns the Nodes whose prefixes are others than before. */
  #judge(): string[] {
    const annotated = [...this.#annotated].flatMap((name) => this.#told.get(name) ?? [])
    annotated.sort((a, b) => a.created - b.created || (a.name < b.name ? -1 : 1))
    const taken: Cidr[] = []
    const changed = annotated.flatMap((node) => {
      const before = this.#effective.get(node.name)
      const { prefixes, problems } = this.#claimOf(node, taken)
      this.#say(node.name, problems)
      // What cannot be read at all takes nothing away from pods that run.
      const good = before ?? this.#kept.get(node.name)
      const after = problems.length === 0 ? prefixes : this.#stillGood(node, good, taken)
      this.#kept.delete(node.name)
      taken.push(...after)
      if (after.length > 0) this.#effective.set(node.name, after)
      else this.#effective.delete(node.name)
      if (!textOf(node)) this.#annotated.delete(node.name)
      return textsOf(before) === textsOf(after) ? [] : [node.name]
    })
    this.#save()
    return changed
  }

  #save(): void {
    const entries = [...this.#kept, ...this.#effective]
    const kept = Object.fromEntries(
      entries.map(([name, prefixes]) => [name, prefixes.map(({ text }) => text)]),
    )
    const text = JSON.stringify(kept)
    if (text === this.#saved) return
    this.#saved = text
    this.#options.store.save(kept)
  }

  #stillGood(node: ClusterNode, before: readonly Cidr[] = [], taken: readonly Cidr[]): readonly Cidr[] {
    if (!textOf(node)) return []
    return before.every((prefix) => this.#conflict(node, prefix, taken) === undefined) ? before : []
  }

  #claimOf(node: ClusterNode, taken: readonly Cidr[]): Claim {
    const found = textOf(node)
    if (!found) return { prefixes: [], problems: [] }
    const prefixes: Cidr[] = []
    const problems = listOf(found).flatMap((text, i) => {
      const prefix = parseCidr(text)
      const own = prefix && podCidrProblem(prefix, prefixes, node.addresses)
      const problem = prefix
        ? (own ?? this.#conflict(node, prefix, taken))
        : 'no prefix such as 10.244.1.0/24'
      if (problem === undefined) prefixes.push(prefix!)
      return problem === undefined ? [] : [`${found.name}[${i}]: ${text} is ${problem}`]
    })
    return { prefixes, problems }
  }

  #conflict(node: ClusterNode, prefix: Cidr, taken: readonly Cidr[]): string | undefined {
    const ranges = this.#options.clusterCidrs()
    if (ranges.length === 0)
      return 'believed in podNetwork.clusterCIDRs only, which the configuration does not name'
    if (!ranges.some((range) => contains(range, prefix))) return 'not in podNetwork.clusterCIDRs'
    const other = this.#bySpec.otherAt(prefix, node.name)
    if (other !== undefined) return `in part Node ${other}’s, by its spec.podCIDRs`
    return taken.some((one) => overlaps(one, prefix))
      ? 'in part an older Node’s, by its annotation'
      : undefined
  }

  #say(name: string, problems: readonly string[]): void {
    const text = problems.join('; ')
    if (text === (this.#problems.get(name) ?? '')) return
    if (text === '') this.#problems.delete(name)
    else this.#problems.set(name, text)
    this.#options.refused(name, problems)
  }
}

function textOf({ annotations }: ClusterNode) {
  for (const suffix of POD_CIDR_ANNOTATIONS) {
    const found = findAnnotation(annotations, suffix)
    if (found) return found
  }
  return undefined
}

function textsOf(prefixes: readonly Cidr[] = []): string {
  return prefixes.map(({ text }) => text).join()
}

/** All that is judged by. */
function factsOf(node: ClusterNode): string {
  const { created, podCidrs, addresses } = node
  return JSON.stringify([created, textsOf(podCidrs), addresses, textOf(node)])
}
