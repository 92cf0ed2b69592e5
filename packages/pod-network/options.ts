/** What a pod network is made with. */
import type { EventRecorder } from '@podroute/cluster/events/recorder.ts'
import type { Store } from '@podroute/feature/feature.ts'
import type { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import type { ReservedHolder } from '@podroute/feature/reserved-addresses.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { BfdMonitor } from './bgp/bfd/monitor.ts'
import type { CreateSpeaker } from './bgp/instance.ts'
import type { KeptLeftNodes } from './handover/left-nodes.ts'
import type { KeptAnnotations } from './node-annotations/node-annotations.ts'
import type { KeptPodCidrs } from './node-annotations/pod-cidr-overrides.ts'
import type { ServiceSource } from './service-addresses/service-addresses.ts'
import type { PodNetworkSettings } from './settings.ts'
import type { createTables, PodNetworkKernel } from './tables.ts'

export interface PodNetworkOptions {
  readonly nodeName: string
  readonly settings: PodNetworkSettings
  readonly kernel: PodNetworkKernel
  readonly createSpeaker: CreateSpeaker
  /** The kernel's tables, where they are not those of the kernel itself. */
  readonly createTables?: typeof createTables
  /** The paths to peers that are watched; ends with the pod network. */
  readonly bfd: Pick<BfdMonitor, 'watches' | 'stateOf' | typeof Symbol.asyncDispose>
  /** What the last agent knew of the annotations of this node's own Node. */
  readonly keptAnnotations: Store<KeptAnnotations>
  /** And which pod prefixes of Nodes were in effect by annotation. */
  readonly keptPodCidrs: Store<KeptPodCidrs>
  /** And which nodes were left. */
  readonly keptLeftNodes: Store<KeptLeftNodes>
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Clock
  readonly log: Logger
  readonly services: ServiceSource
  /** Where others learn which prefixes the pods of Nodes have. */
  readonly podPrefixes: Pick<PodPrefixes, 'replace'>
  /** The settings of this node are others now: by the configuration, or by annotations of its Node. */
  settingsChanged?(settings: PodNetworkSettings): void
  /** Something was put into place, or failed: conditions may be others. */
  flushed?(): void
  /** Whether an address is a Service's on this node. */
  isVip(address: string): boolean
  /** Who needs an address, whatever Nodes say; undefined: nobody. */
  holderOf(address: string): ReservedHolder | undefined
  /** Why pods must not start yet, as others say; undefined: nothing. */
  podGate(): string | undefined
  /** What others have the CNI plugin `bridge` do: fields of its configuration. */
  pluginFields(): Readonly<Record<string, unknown>>
}
