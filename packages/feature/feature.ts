/**
 * What the agent knows of a function that it runs: a feature turns what the API server says into what the kernel, the routers and the
 * host's files hold. The agent loops over a list of definitions and knows no feature by name.
 */

import type { ApiClient } from '@podroute/cluster/api/client.ts'
import type { EventRecorder } from '@podroute/cluster/events/recorder.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Flushable, PendingChange } from '@podroute/reconcile/flush-order.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type * as z from 'zod'
import type { Condition } from './condition.ts'
import type { Listener } from './listener.ts'
import type { DeclareMetric } from './metric.ts'
import type { Hop, HopsTo, Page, SummaryLine, Verdict } from './page.ts'
import type { PodPrefixes } from './pod-prefixes.ts'
import type { ReservedAddresses } from './reserved-addresses.ts'
import type { AnySection } from './section.ts'
import type { ServedAddresses } from './served-addresses.ts'
import type { Trial } from './trial.ts'

/** What a feature leaves on the node for the next agent. */
export interface Store<Value> {
  /** Undefined where nothing is known. Never throws. */
  load(): Value | undefined
  /** Never throws. */
  save(value: Value): void
}

/** What a feature stands on. What it wants to know of another feature it asks of these. */
export interface FeatureContext {
  readonly nodeName: string
  /** Folder of what outlives this run of the agent, and not the node's. The node's other programs know it by the same path. */
  readonly stateDirectory: string
  readonly cluster: ClusterView
  readonly reserved: ReservedAddresses
  /** Addresses of Services that are served on this node. */
  readonly served: ServedAddresses
  /** Which prefixes the pods of Nodes have. */
  readonly podPrefixes: PodPrefixes
  /** The node's kernel: opened once for all features, by the first that asks. @throws KernelError */
  kernel(): Promise<Kernel>
  readonly events: Pick<EventRecorder, 'record'>
  /** What a feature may write to the API server beside Events. @throws ClusterError `no-api-server` */
  readonly writer: () => Promise<Pick<ApiClient, 'patchJson'>>
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly log: Logger
  /**
   * By a name of its own; for root alone to read: it may hold passwords.
   * @param shape what a value has to be, at least, to be loaded: the last agent may have been of another version
   * @param until what ends what it holds; absent: nothing
   */
  store<Value>(name: string, shape: z.ZodType, until?: 'boot'): Store<Value>
  /** Why pods must not start yet, as the other features say; undefined: they may. */
  podGate(): string | undefined
  /** What the other features have the CNI plugin `bridge` do: fields of its configuration. */
  pluginFields(): Readonly<Record<string, unknown>>
  /** To be called when what the own `podGate` or `pluginFields` says has changed. */
  gateChanged(): void
  /** The agent compiles little code until all first syncs are over, which is when most code runs for the first time. */
  readonly firstSync: {
    /** To be called where it has thousands of objects: what it runs is worth compiling. */
    large(): void
    /** To be called when it is over. */
    done(): void
  }
}

export interface Feature<Settings = unknown> extends AsyncDisposable {
  /** Begins with what takes long and changes nothing, such as loading modules. */
  prepare?(): void
  /** Takes over what an earlier run left, and follows from then on. @throws Error when the agent must not run without it */
  start(): Promise<void>
  /**
   * Takes new settings while it runs: what is different takes effect, all else stays untouched. Returns what cannot change on a
   * running node, each with its path and what to do; the old value of that goes on.
   */
  configure(settings: Settings): readonly string[]
  conditions(): readonly Condition[]
  /** Why pods must not start yet; undefined: as far as this feature goes they may. */
  podGate?(): string | undefined
  /** What the CNI plugin `bridge` is to do for this feature: fields of its configuration. */
  pluginFields?(): Readonly<Record<string, unknown>>
  /** What the context's `podGate` or `pluginFields` says has changed. */
  podGateChanged?(): void
  readonly pages: readonly Page[]
  /** What becomes here of a packet to an address, as far as the feature has to do with it; none: nothing. */
  hops?(to: HopsTo): readonly Hop[]
  /** Whether the feature lets a connection begin, asked with `pod`, `port`, `from` and `with`: a part of `podroute explain`, and no command. */
  readonly verdicts?: Page<Verdict>
  /** A part of `podroute connectivity`, and no command. */
  readonly trial?: Trial
  /** Lines of `podroute status`. */
  summary(): readonly SummaryLine[]
  /** Of each table by its name. */
  stats(): Readonly<Record<string, TableStats>>
  /** What is still to be changed, in the order in which it will be. */
  pending(): Iterable<PendingChange>
  declareMetrics(declare: DeclareMetric): void
  /** HTTP servers that it wants now. */
  listeners?(): readonly Listener[]
  /**
   * Removes from the node exactly what is the feature's; called when it is switched off, before it is disposed of, and again when it
   * failed. Nothing is written any more from then on. @throws Error that says what is left
   */
  cleanup(): Promise<void>
}

/** What agents have left on a node where none runs any more. */
export interface LeftBehind {
  /** In the order in which they go. Nothing is wanted of them, and nothing of them has been asked for yet. */
  readonly tables: readonly Flushable[]
  /** Files, and folders with all that is in them, that are the feature's alone. */
  readonly paths?: readonly string[]
  /** Folders that others use, too: they go where nothing is in them, one after the other. */
  readonly folders?: readonly string[]
  /** Who would lose its network, and what to do first; undefined: nobody. */
  readonly inUse?: string
}

export interface FeatureDefinition<Settings = unknown> {
  /** Names the feature in the log, in `podroute status` and in its nftables table: `pod-network`. */
  readonly name: string
  readonly section: AnySection
  /** Kernel modules that it needs. They are loaded before the agent starts, which has no right to. */
  readonly modules?: readonly string[]
  /** Names of its chains, sets and maps in the nftables table that features of earlier versions shared. */
  readonly formerRules?: RegExp
  create(context: FeatureContext, settings: Settings): Feature<Settings> | Promise<Feature<Settings>>
  /** For `podroute cleanup`, without an agent and without an API server. @param settings of the last agent, where they are known */
  leftBehind?(kernel: Kernel, settings: Settings | undefined): Promise<LeftBehind>
}
