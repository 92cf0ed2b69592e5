/** Opens the kernel of a network namespace: once in the process, for all features. */
import { Conntrack } from '@podroute/linux/conntrack.ts'
import { Ipvs } from '@podroute/linux/ipvs/ipvs.ts'
import { legacyForward } from '@podroute/linux/legacy-iptables.ts'
import { loadModules } from '@podroute/linux/modules.ts'
import { NETLINK_ROUTE, type NetlinkOptions, NetlinkSocket } from '@podroute/linux/netlink/socket.ts'
import { watchPackets } from '@podroute/linux/nflog.ts'
import { Addresses } from '@podroute/linux/route/addresses.ts'
import { Links } from '@podroute/linux/route/links.ts'
import { NextHopObjects } from '@podroute/linux/route/next-hop-objects.ts'
import { Routes } from '@podroute/linux/route/routes.ts'
import { readSysctl, writeSysctl } from '@podroute/linux/sysctl.ts'
import { serveLines } from '@podroute/linux/unix-server.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { readHostAddresses } from './addresses/host-addresses.ts'
import { nodeFiles } from './files/files.ts'
import { healthListener } from './http-listener.ts'
import { IpvsRevisions } from './ipvs/revisions.ts'
import type { IpvsApi, Kernel, SysctlApi } from './kernel.ts'
import { Monitors } from './monitors.ts'
import { tableAt } from './nft/definition.ts'
import { ForeignChanges } from './nft/foreign-changes.ts'
import { openNft } from './nft/open-nft.ts'
import { OwnChanges } from './nft/own-changes.ts'
import { boundPorts, IpvsTableRevision, ipvsTable } from './proc.ts'

export interface OpenKernelOptions {
  /** Path, or name under /run/netns; the process's own by default. */
  readonly netns?: string
  readonly log?: Logger
  /** What stands between those who write parameters and the kernel. */
  readonly sysctls?: (own: SysctlApi) => SysctlApi
}

/** Sockets stay open until disposed of. @throws KernelError, FeatureError */
export function openKernel({
  netns,
  log,
  sysctls = (own) => own,
}: OpenKernelOptions = {}): Kernel & Disposable {
  const stack = new DisposableStack()
  const at: NetlinkOptions = netns === undefined ? {} : { netns }
  const socket = stack.use(NetlinkSocket.open(NETLINK_ROUTE, at))
  const nft = stack.use(openNft(at))
  const own = new OwnChanges()
  const foreign = new ForeignChanges(() => nft.generation())
  const changes = stack.use(new Monitors({ ...at, log, own, routePort: socket.port }))
  const routes = new Routes(socket)
  const links = new Links(socket)
  const addresses = new Addresses(socket)
  return {
    links,
    addresses,
    routes: {
      list: (filter) => routes.list(filter),
      get: (address) => routes.get(address),
      apply: (ops) => routes.apply(ops),
      unannounced: () => changes.unannounced(),
    },
    nextHops: new NextHopObjects(socket),
    sysctls: sysctls(sysctlsOf(netns)),
    files: nodeFiles,
    nft: {
      ...nft,
      run: (script) => foreign.own(() => own.announced(script, () => nft.run(script))),
      writeElements: (table, changes) => foreign.own(() => nft.writeElements(table, changes)),
      writeStructure: (table, changes) =>
        foreign.own(() => own.changed(new Set([tableAt(table)]), () => nft.writeStructure(table, changes))),
      foreignRevision: () => foreign.revision(),
    },
    ipvs: ipvsOf(stack.use(Ipvs.open(at)), netns),
    flows: stack.use(Conntrack.open(at)),
    changes,
    boundPorts: () => boundPorts(netns),
    listen: healthListener(netns),
    serveLines,
    watchPackets: (group, copy, onPacket) => watchPackets(group, copy, onPacket, at).unref(),
    hostAddresses: () => readHostAddresses(links, addresses),
    legacyForward: (family) => legacyForward(family, netns),
    loadModules,
    [Symbol.dispose]: () => stack.dispose(),
  }
}

function ipvsOf(ipvs: Ipvs, netns: string | undefined): IpvsApi {
  const tableRevision = new IpvsTableRevision(netns)
  const revisions = new IpvsRevisions({
    table: () => tableRevision.read(),
    servers: () => ipvs.revision(),
    now: () => performance.now(),
  })
  return {
    servers: () => ipvs.servers(),
    destinations: (server) => ipvs.destinations(server),
    table: () => ipvsTable(netns),
    serversRevision: () => revisions.servers(),
    tableRevision: () => revisions.destinations(),
    apply: (ops) => ipvs.apply(ops).finally(() => revisions.written()),
  }
}

function sysctlsOf(netns: string | undefined): SysctlApi {
  return {
    read: (name) => readSysctl(name, { netns }),
    write: (name, value) => void writeSysctl(name, value, { netns }),
  }
}
