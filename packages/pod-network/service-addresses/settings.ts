/** Which addresses of Services routers outside are told, as the operator sets it. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { LabelSelector } from '@podroute/cluster/objects/label-selector.ts'
import type { AddressKind } from '@podroute/feature/served-addresses.ts'

export interface ServiceAddressSettings {
  /** Of all Services that the selector takes. */
  readonly kinds: readonly AddressKind[]
  readonly selector: LabelSelector
  /** A Service's own annotations switch kinds on and off, whatever else is set. */
  readonly annotations: boolean
  /** Where external and load-balancer addresses may lie; none: anywhere, as far as the service proxy serves them. */
  readonly ranges: readonly Cidr[]
  /** An address with policy Cluster stays announced though no endpoint serves: clients are refused at once. */
  readonly withoutEndpoints: boolean
  /** Seconds that a node that is to be left, or not ready, tells routers so before it withdraws. */
  readonly drain: number
  /** Announced in place of the addresses inside, those with policy Local excepted. */
  readonly aggregates: readonly Cidr[]
  /** The first that takes a Service and a kind counts. */
  readonly rules: readonly AddressRule[]
}

/** What goes with an announcement. */
export interface AddressRule {
  readonly selector: LabelSelector
  /** None: all. */
  readonly kinds: readonly AddressKind[]
  /** Names of the routers that are told; absent: all that take the kind. */
  readonly peers?: readonly string[]
  readonly communities: readonly string[]
  readonly largeCommunities: readonly string[]
  /** For routers of the cluster's own AS. */
  readonly localPref?: number
}

export const NO_SERVICE_ADDRESSES: ServiceAddressSettings = {
  kinds: [],
  selector: [],
  annotations: true,
  ranges: [],
  withoutEndpoints: false,
  drain: 30,
  aggregates: [],
  rules: [],
}
