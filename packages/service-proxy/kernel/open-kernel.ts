/** The kernel of a network namespace, as the proxy needs it. */
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { OwnChanges } from '@podroute/kernel/nft/own-changes.ts'
import { Conntrack } from '@podroute/linux/conntrack.ts'
import { Ipvs } from '@podroute/linux/ipvs/ipvs.ts'
import { loadModules } from '@podroute/linux/modules.ts'
import { NETLINK_ROUTE, NetlinkSocket } from '@podroute/linux/netlink/socket.ts'
import { watchNft } from '@podroute/linux/nft/monitor.ts'
import { Addresses } from '@podroute/linux/route/addresses.ts'
import { routeFilter } from '@podroute/linux/route/filter.ts'
import { watchRoutes } from '@podroute/linux/route/monitor.ts'
import { Routes } from '@podroute/linux/route/routes.ts'
import { readSysctl, writeSysctl } from '@podroute/linux/sysctl.ts'
import { healthListener } from '../health-checks/server.ts'
import { LOOPBACK, TABLE_LOCAL } from '../ipvs/vips.ts'
import { TABLE } from '../rules/sets.ts'
import type { Kernel } from './kernel.ts'
import { boundPorts, IpvsTableRevision, ipvsTable } from './proc.ts'

export interface OpenKernelOptions {
  /** Path, or name under /run/netns; the process's own by default. */
  readonly netns?: string
}

/** Loopback and link-local addresses. */
const NEARBY = /^(127\.|169\.254\.|::1$|fe[89ab])/

/** Sockets stay open until disposed of. @throws KernelError, FeatureError */
export function openKernel(options: OpenKernelOptions = {}): Kernel & Disposable {
  const stack = new DisposableStack()
  const ipvs = stack.use(Ipvs.open(options))
  const routeSocket = stack.use(NetlinkSocket.open(NETLINK_ROUTE, options))
  const nft = stack.use(openNft(options))
  const flows = stack.use(Conntrack.open(options))
  const own = new OwnChanges()
  const tableRevision = new IpvsTableRevision(options.netns)
  const routes = new Routes(routeSocket)
  let unannounced = 0
  let followed = false
  const addresses = new Addresses(routeSocket)
  return {
    ipvs: {
      servers: () => ipvs.servers(),
      destinations: (server) => ipvs.destinations(server),
      table: () => ipvsTable(options.netns),
      serversRevision: () => ipvs.revision(),
      tableRevision: () => tableRevision.read(),
      apply: (ops) => ipvs.apply(ops),
    },
    routes: {
      list: (filter) => routes.list(filter),
      apply: (ops) => routes.apply(ops),
      unannounced: () => (followed ? unannounced : undefined),
    },
    nft: {
      ...nft,
      run: (script) => own.announced(script, () => nft.run(script)),
    },
    sysctl: {
      read: (name) => readSysctl(name, options),
      write: (name, value) => {
        writeSysctl(name, value, options)
      },
    },
    flows,
    boundPorts: () => boundPorts(options.netns),
    listen: healthListener(options.netns),
    async addresses() {
      return (await addresses.list()).map(({ address }) => address).filter((address) => !NEARBY.test(address))
    },
    loadModules,
    watch(news) {
      own.forget()
      const noAnnouncement = () => {
        unannounced++
      }
      const watching = new DisposableStack()
      watching.use(
        watchRoutes(
          {
            onRoute: news.onRoute,
            // IPv4 routes go silently with the interface, and with the address that is their source.
            onLink: (_change, { index }) => {
              if (index === LOOPBACK) noAnnouncement()
            },
            onAddress: () => {
              noAnnouncement()
              news.onAddress()
            },
            onOverrun: () => {
              noAnnouncement()
              news.onLost()
            },
          },
          // What we put there ourselves is no news.
          { ...options, filter: routeFilter({ table: TABLE_LOCAL, notFrom: routeSocket.port }) },
        ),
      )
      watching.use(
        watchNft(
          {
            onTransaction: ({ tables, kinds }) => {
              // Elements, which come and go with every Service, are left out: only what should stand still is news.
              if (tables.includes(TABLE) && kinds.length > 0 && !own.isOurs(TABLE)) news.onRules()
            },
            onOverrun() {
              own.forget()
              news.onLost()
            },
          },
          { ...options, elements: false },
        ),
      )
      // What happened before is unknown.
      noAnnouncement()
      followed = true
      watching.defer(() => {
        followed = false
      })
      return watching
    },
    [Symbol.dispose]: () => stack.dispose(),
  }
}
