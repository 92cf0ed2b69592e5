/** What there is to try connectivity with: pods on some nodes, Services in front of them, and what of the cluster they meet. */
import { type Family, familyOf } from '@podroute/address/address.ts'
import type { Trial } from '@podroute/feature/trial.ts'

export type Addresses = Readonly<Partial<Record<Family, string>>>

export interface StandNode {
  readonly name: string
  readonly addresses: Addresses
  /** The agent's pod, whose network is the node's. */
  readonly agent: string
}

/** Two of a node: `server-0` and `client-0` on the first, and `guarded-0` where features want to be tried. All answer. */
export interface StandPod {
  readonly name: string
  readonly node: string
  readonly addresses: Addresses
}

export interface StandService {
  readonly name: string
  readonly addresses: Addresses
  readonly port: number
  readonly nodePort: number
}

export interface Stand {
  readonly namespace: string
  readonly families: readonly Family[]
  readonly nodes: readonly StandNode[]
  readonly pods: ReadonlyMap<string, StandPod>
  readonly services: ReadonlyMap<string, StandService>
  /** The Service `default/kubernetes`. */
  readonly api: StandService
  /** It answers here when a node is there; that it refuses a connection shows it, too. */
  readonly nodeServer: number
  /** There is a Service for names. */
  readonly dns: boolean
  /** Of the agents' features. */
  readonly trials: readonly Trial[]
}

/** Where pods listen, TCP and UDP. */
export const POD_PORT = 8080
export const SERVICE_PORT = 80

export const serverOf = (index: number): string => `server-${index}`
export const clientOf = (index: number): string => `client-${index}`
/** What features say who may reach it. */
export const guardedOf = (index: number): string => `guarded-${index}`
/** Services. */
export const ALL = 'all'
export const AFFINITY = 'affinity'
export const HEADLESS = 'headless'
/** Leads to the server of one node alone. */
export const oneOf = (index: number): string => `one-${index}`
/** The same, for the clients of that node alone. */
export const localOf = (index: number): string => `local-${index}`

export function addressesOf(list: readonly string[]): Addresses {
  return Object.fromEntries(list.toReversed().map((address) => [familyOf(address), address]))
}
