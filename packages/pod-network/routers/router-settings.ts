/** What is said of a router beside where it is: on which nodes it is a peer, what is taken from it, and what it is told. */
import type { Cidr } from '@podroute/address/cidr.ts'
import type { LabelSelector } from '@podroute/cluster/objects/label-selector.ts'
import type { AnnouncementKind } from '../bgp/policy.ts'

/** Prefixes inside `prefix` whose length lies in [minLength, maxLength]. */
export interface AcceptedPrefix {
  readonly prefix: Cidr
  readonly minLength: number
  readonly maxLength: number
}

/** Nodes that have one of the names, where there are any, and labels that match. */
export interface NodeSelector {
  readonly names: readonly string[]
  readonly labels: LabelSelector
}

/** Why a router cannot be a peer, or not as it stands in the configuration, with the path of what is wrong. */
export interface RouterFault {
  readonly path: string
  readonly message: string
}

/** Which of a router's routes: all given conditions hold, of each at least one entry. */
export interface RouteMatch {
  readonly prefixes?: readonly AcceptedPrefix[]
  /** Communities of any kind. */
  readonly communities?: readonly string[]
  readonly asPath?: AsPathMatch
}

interface AsPathMatch {
  readonly contains?: number
  readonly origin?: number
  readonly neighbour?: number
  readonly maxLength?: number
}

export interface AcceptEntry extends RouteMatch {
  readonly localPreference?: number
}

/** What a router is told, and how. */
export interface RouterExport {
  /** Kinds of prefixes; all that are announced at all when absent. */
  readonly kinds?: readonly AnnouncementKind[]
  /** Of any kind. */
  readonly communities?: readonly string[]
  readonly med?: number
  /** How often this node's AS number stands in the path once more. */
  readonly prepend?: number
  /** For routers of the own AS. */
  readonly localPreference?: number
  /** `self`: the address that the session is from; `unchanged`: the Node's address. */
  readonly nextHop?: 'self' | 'unchanged'
  /** Told in place of what lies inside, as long as there is anything. */
  readonly aggregates?: readonly Cidr[]
}

/** Graceful restart with this router, where it is another one than with all. */
export interface RouterRestart {
  /** 0: the router is not asked to keep routes. */
  readonly time: number
  readonly longLivedTime: number
}
