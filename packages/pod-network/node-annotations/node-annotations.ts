/**
 * The annotations of this node's own Node, and what they set. What cannot be used is said once in an Event on the Node, and what was
 * good before goes on, also in the next agent: a typing error never takes a session away.
 */

import { isDeepStrictEqual } from 'node:util'
import { regardingNode } from '@podroute/cluster/events/event.ts'
import type { EventRecorder } from '@podroute/cluster/events/recorder.ts'
import { findAnnotation } from '@podroute/cluster/objects/annotations.ts'
import type { Annotations } from '@podroute/cluster/objects/service.ts'
import { type Condition, condition } from '@podroute/feature/condition.ts'
import type { Store } from '@podroute/feature/feature.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import * as z from 'zod'
import { IMPORT_REJECT, LISTEN } from './addresses.ts'
import { NO_NODE_SETTINGS, type NodeSettings } from './node-settings.ts'
import { COMMUNITIES, PREPEND } from './path-attributes.ts'
import { PEERS } from './peers.ts'
import type { Find, Topic } from './topic.ts'

export const TOPICS: readonly Topic[] = [PEERS, PREPEND, COMMUNITIES, IMPORT_REJECT, LISTEN]

/** Annotations of one topic by their names, as they are written. */
type Texts = Readonly<Record<string, string>>

/** What the next agent is to know. */
export interface KeptAnnotations {
  /** The last good ones, by topic. */
  readonly good: Readonly<Record<string, Texts>>
  /** Problems that there is an Event of. */
  readonly said: readonly string[]
}

const texts = z.record(z.string(), z.string())
export const KEPT_ANNOTATIONS = z.object({ good: z.record(z.string(), texts), said: z.array(z.string()) })

export interface NodeAnnotationsOptions {
  readonly nodeName: string
  readonly events: Pick<EventRecorder, 'record'>
  readonly log: Pick<Logger, 'warn' | 'info'>
  readonly store: Store<KeptAnnotations>
  /** Whether the node has the address. */
  hasAddress(address: string): boolean
}

export class NodeAnnotations {
  readonly #options: NodeAnnotationsOptions
  #kept: KeptAnnotations
  /** Of each topic, as they were read last. */
  readonly #read = new Map<Topic, Texts>()
  readonly #problems = new Map<Topic, readonly string[]>()
  #annotations: Annotations = {}
  #settings = NO_NODE_SETTINGS
  /** What is wrong with the pod prefixes. */
  #podCidrs: readonly string[] = []

  constructor(options: NodeAnnotationsOptions) {
    this.#options = options
    this.#kept = options.store.load() ?? { good: {}, said: [] }
  }

  get settings(): NodeSettings {
    return this.#settings
  }

  /** The Node has these now. Returns whether they set something else than before. */
  update(annotations: Annotations): boolean {
    const before = this.#settings
    this.#annotations = annotations
    const changed = TOPICS.filter((topic) => this.#readTopic(topic, annotations))
    if (changed.length > 0) this.#say()
    return !isDeepStrictEqual(before, this.#settings)
  }

  /** The node's addresses may be others now. Returns whether something else is set. */
  recheck(): boolean {
    this.#read.delete(LISTEN)
    return this.update(this.#annotations)
  }

  /** What is wrong with the pod prefixes of a Node, which are judged beside those of all others; of another one the log alone tells. */
  podCidrsRefused(node: string, problems: readonly string[]): void {
    if (node === this.#options.nodeName) {
      this.#podCidrs = problems
      this.#say()
    } else if (problems.length > 0)
      this.#options.log.warn('a Node’s annotation of its pod prefixes is not believed', { node, problems })
  }

  condition(): Condition {
    const [problem, ...more] = this.#allProblems()
    const text = problem && `${problem}${more.length > 0 ? `, and ${more.length} more` : ''}`
    return { ...condition('annotations', text), advisory: true }
  }

  /** Returns whether its annotations are others than when they were read last. */
  #readTopic(topic: Topic, annotations: Annotations): boolean {
    const texts = textsOf(topic, annotations)
    if (isDeepStrictEqual(texts, this.#read.get(topic))) return false
    this.#read.set(topic, texts)
    const problems = this.#take(topic, texts)
    this.#problems.set(topic, problems)
    if (problems.length === 0) this.#keep({ ...this.#kept, good: { ...this.#kept.good, [topic.key]: texts } })
    else this.#take(topic, this.#kept.good[topic.key] ?? {})
    return true
  }

  /** Puts what the texts say into effect, or returns what is wrong with them. */
  #take(topic: Topic, texts: Texts): string[] {
    const problems: string[] = []
    const find: Find = (suffix) => findAnnotation(texts, suffix)
    const value = topic.parse(
      find,
      (path, message) => void problems.push(`${path}: ${message}`),
      this.#options,
    )
    if (problems.length === 0) this.#settings = { ...this.#settings, [topic.key]: value }
    return problems
  }

  #say(): void {
    const problems = this.#allProblems()
    if (isDeepStrictEqual(problems, this.#kept.said)) return
    const { log, events, nodeName } = this.#options
    this.#keep({ ...this.#kept, said: problems })
    if (problems.length === 0) {
      log.info('the annotations of the Node can be used again')
      return
    }
    log.warn('annotations of the Node cannot be used, the last good ones go on', { problems })
    events.record({
      regarding: regardingNode(nodeName),
      type: 'Warning',
      reason: 'NodeAnnotationRefused',
      action: 'PlanPodNetwork',
      note: `the last good value goes on: ${problems.join('; ')}`,
    })
  }

  #keep(kept: KeptAnnotations): void {
    if (isDeepStrictEqual(kept, this.#kept)) return
    this.#kept = kept
    this.#options.store.save(kept)
  }

  #allProblems(): readonly string[] {
    return [...TOPICS.flatMap((topic) => this.#problems.get(topic) ?? []), ...this.#podCidrs]
  }
}

function textsOf({ suffixes }: Topic, annotations: Annotations): Texts {
  const found = suffixes.flatMap((suffix) => findAnnotation(annotations, suffix) ?? [])
  return Object.fromEntries(found.map(({ name, text }) => [name, text]))
}
