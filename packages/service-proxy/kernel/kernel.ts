/** What the proxy needs of the kernel, as small interfaces; the classes of the linux package fit them. */
import type { NftApi } from '@podroute/kernel/nft/api.ts'
import type { Flow, FlowFilter } from '@podroute/linux/conntrack.ts'
import type { Connections, Destination, IpvsOp, VirtualServer } from '@podroute/linux/ipvs/ipvs.ts'
import type { Route, RouteFilter } from '@podroute/linux/route/route-message.ts'
import type { RouteOp } from '@podroute/linux/route/routes.ts'
import type { BoundPort } from './sockets.ts'

export type { Connections, Destination, IpvsOp, Route, RouteOp, VirtualServer }

/** By the key of plan/frontend.ts. */
export type DestinationsByServer = ReadonlyMap<string, readonly (Destination & Connections)[]>

export interface IpvsApi {
  servers(): Promise<readonly VirtualServer[]>
  destinations(server: VirtualServer): Promise<readonly (Destination & Connections)[]>
  /** Those of all servers, others' included, in portions; a server's may be in two of them. */
  table(): AsyncIterable<DestinationsByServer>
  /** A text that differs whenever a server is another one; their counters do not count. */
  serversRevision?(): Promise<string>
  /** A text that differs whenever a destination is another one; their connections do not count. */
  tableRevision?(): Promise<string>
  apply(ops: readonly IpvsOp[]): Promise<readonly (Error | null)[]>
}

export interface RoutesApi {
  list(filter: RouteFilter): Promise<readonly Route[]>
  /** How often routes may have changed without an announcement; undefined while nobody follows the announcements. */
  unannounced?(): number | undefined
  apply(ops: readonly RouteOp[]): Promise<readonly (Error | null)[]>
}

export interface FlowsApi {
  /** Forgets the flows that match and that `select` picks; returns how many. */
  remove(filter: FlowFilter, select: (flow: Flow) => boolean): Promise<number>
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Answers HTTP requests on a port, until disposed of. Rejects with EADDRINUSE. */
export type Listen = (port: number, answer: () => HttpAnswer) => Promise<AsyncDisposable>

export interface SysctlApi {
  /** Undefined where the kernel has no such setting. */
  read(name: string): string | undefined
  write(name: string, value: string): void
}

/** Somebody (or we) changed something; `lost` means that news were missed and everything has to be looked at. */
export interface KernelEvents {
  onRoute(change: 'add' | 'remove', route: Route): void
  /** Some interface got or lost an address. */
  onAddress(): void
  /** A transaction changed rules, chains or sets of our table. */
  onRules(): void
  onLost(): void
}

export interface Kernel {
  /** @throws FeatureError where the kernel has no IPVS */
  readonly ipvs: IpvsApi
  readonly routes: RoutesApi
  readonly nft: NftApi
  readonly sysctl: SysctlApi
  readonly flows: FlowsApi
  readonly listen: Listen
  /** Ports on which processes wait for clients. */
  boundPorts(): Promise<ReadonlySet<BoundPort>>
  /** Addresses of all interfaces that others can reach. */
  addresses(): Promise<readonly string[]>
  /** Makes the kernel load modules; `reason` says why it did not, by name. */
  loadModules(
    names: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly ok: boolean; readonly reason?: string }>>
  /** Follows changes of the kernel's state, where the kernel announces them. */
  watch?(news: KernelEvents): Disposable
}
