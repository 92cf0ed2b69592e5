/** The node's kernel, as far as features touch it: small interfaces, which the classes of the linux package and a fake fit. */
import type { Flow, FlowFilter } from '@podroute/linux/conntrack.ts'
import type { Connections, Destination, IpvsOp, VirtualServer } from '@podroute/linux/ipvs/ipvs.ts'
import type { LegacyForward } from '@podroute/linux/legacy-iptables.ts'
import type { ModuleOutcome } from '@podroute/linux/missing-module.ts'
import type { LoggedPacket } from '@podroute/linux/nflog.ts'
import type { Addresses, AddressOp } from '@podroute/linux/route/addresses.ts'
import type { Links } from '@podroute/linux/route/links.ts'
import type { NextHopObject, NextHopOp } from '@podroute/linux/route/next-hop-objects.ts'
import type { Route, RouteFilter } from '@podroute/linux/route/route-message.ts'
import type { RouteOp } from '@podroute/linux/route/routes.ts'
import type { AnswerLine } from '@podroute/linux/unix-server.ts'
import type { HostAddresses } from './addresses/host-addresses.ts'
import type { KernelChanges } from './monitors.ts'
import type { NftApi } from './nft/api.ts'
import type { BoundPort } from './sockets.ts'

export type { Connections, Destination, IpvsOp, Route, RouteOp, VirtualServer }

export type LinksApi = Pick<Links, keyof Links>
export interface AddressesApi extends Omit<Pick<Addresses, keyof Addresses>, 'apply'> {
  apply(ops: readonly AddressOp[]): Promise<readonly (Error | null)[]>
}

/** By the key of ipvs/keys.ts. */
export type DestinationsByServer = ReadonlyMap<string, readonly (Destination & Connections)[]>

export interface IpvsApi {
  servers(): Promise<readonly VirtualServer[]>
  destinations(server: VirtualServer): Promise<readonly (Destination & Connections)[]>
  /** Those of all servers, others' included, in portions; a server's may be in two of them. */
  table(): AsyncIterable<DestinationsByServer>
  /** A text that differs whenever a server is another one, though of its flags alone some readings later; its counters do not count. */
  serversRevision?(): Promise<string>
  /** A text that differs whenever a destination is another one; their connections do not count. */
  tableRevision?(): Promise<string>
  apply(ops: readonly IpvsOp[]): Promise<readonly (Error | null)[]>
}

export interface RoutesApi {
  list(filter?: RouteFilter): Promise<readonly Route[]>
  /** The route that the kernel takes to an address; undefined where there is none. */
  get(address: string): Promise<Route | undefined>
  /** How often routes may have changed without an announcement; undefined while nobody follows the announcements. */
  unannounced?(): number | undefined
  apply(ops: readonly RouteOp[]): Promise<readonly (Error | null)[]>
}

export interface NextHopsApi {
  list(): Promise<readonly NextHopObject[]>
  apply(ops: readonly NextHopOp[]): Promise<readonly (Error | null)[]>
}

export interface FlowsApi {
  list(filter: FlowFilter): Promise<readonly Flow[]>
  /** Forgets the flows that match and that `select` picks; returns how many. */
  remove(filter: FlowFilter, select: (flow: Flow) => boolean): Promise<number>
  /** Those of both families and all protocols that `wants` picks, by one walk through all that there are. */
  select(wants: (flow: Flow) => boolean): Promise<readonly Flow[]>
  /** Forgets these; returns how many were there still. */
  forget(flows: readonly Flow[]): Promise<number>
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Answers HTTP requests on a port, until disposed of. Rejects with EADDRINUSE. */
export type Listen = (port: number, answer: () => HttpAnswer) => Promise<AsyncDisposable>

/** Follows what rules log to a group, until disposed of. @param copy bytes of a packet @throws KernelError where another process does */
export type WatchPackets = (
  group: number,
  copy: number,
  onPacket: (packet: LoggedPacket) => void,
) => Disposable

/**
 * Answers programs of the node on a unix socket of mode 0600, each connection with one line for a line, until disposed of. Rejects with
 * EADDRINUSE.
 */
export type ServeLines = (path: string, answer: AnswerLine) => Promise<AsyncDisposable>

/** The node's files that other programs read. */
export interface FilesApi {
  /** The text; undefined where there is no such file. */
  read(path: string): Promise<string | undefined>
  /** A text that differs whenever the file is another one, and that all names of one file share; undefined where there is none. */
  revision(path: string): Promise<string | undefined>
  /** Makes the file and the folders that it lies in. Who reads it meanwhile finds the old text or the new one. */
  write(path: string, text: string, mode: number): Promise<void>
  /** Done also where there is no such file. */
  remove(path: string): Promise<void>
}

/** Names dotted, or with slashes where one of their parts has a dot. */
export interface SysctlApi {
  /** Undefined where the kernel has no such setting. */
  read(name: string): string | undefined
  /** @throws Error ENOENT where the kernel has no such setting, EINVAL for a value that it does not take */
  write(name: string, value: string): void
}

export interface Kernel {
  readonly links: LinksApi
  readonly addresses: AddressesApi
  readonly routes: RoutesApi
  /** Absent: routes name their ways themselves. */
  readonly nextHops?: NextHopsApi
  readonly sysctls: SysctlApi
  readonly files: FilesApi
  readonly nft: NftApi
  /** Its calls reject with FeatureError where the kernel has no IPVS. */
  readonly ipvs: IpvsApi
  readonly flows: FlowsApi
  /** What the kernel announces: one monitor of each kind for all who follow. */
  readonly changes: KernelChanges
  readonly listen: Listen
  readonly serveLines: ServeLines
  readonly watchPackets: WatchPackets
  /** Ports on which processes wait for clients. */
  boundPorts(): Promise<ReadonlySet<BoundPort>>
  /** Addresses of all interfaces. @throws KernelError */
  hostAddresses(): Promise<HostAddresses>
  /** The chain FORWARD of iptables-legacy; undefined where there is none. @throws KernelError */
  legacyForward(family: 4 | 6): LegacyForward | undefined
  /** Makes the kernel load modules; `reason` says why it did not, by name. */
  loadModules(names: readonly string[]): Promise<ReadonlyMap<string, ModuleOutcome>>
}
