/** The kernel of a network namespace, as the proxy needs it. */
import { Ipvs } from '@podroute/linux/ipvs/ipvs.ts'
import { loadModule } from '@podroute/linux/modules.ts'
import { NETLINK_ROUTE, NetlinkSocket } from '@podroute/linux/netlink/socket.ts'
import { watchNft } from '@podroute/linux/nft/monitor.ts'
import { Nft } from '@podroute/linux/nft/nft.ts'
import { watchRoutes } from '@podroute/linux/route/monitor.ts'
import { Routes } from '@podroute/linux/route/routes.ts'
import { readSysctl, writeSysctl } from '@podroute/linux/sysctl.ts'
import type { Kernel } from './kernel.ts'
import { TABLE } from './rules/sets.ts'

export interface OpenKernelOptions {
  /** Path, or name under /run/netns; the process's own by default. */
  readonly netns?: string
}

/** Sockets stay open until disposed of. @throws KernelError, FeatureError */
export function openKernel(options: OpenKernelOptions = {}): Kernel & Disposable {
  const stack = new DisposableStack()
  const ipvs = stack.use(Ipvs.open(options))
  const routeSocket = stack.use(NetlinkSocket.open(NETLINK_ROUTE, options))
  const nft = stack.use(Nft.open(options))
  return {
    ipvs,
    routes: new Routes(routeSocket),
    nft,
    sysctl: {
      read: (name) => readSysctl(name, options),
      write: (name, value) => {
        writeSysctl(name, value, options)
      },
    },
    loadModule,
    watch(news) {
      const watching = new DisposableStack()
      watching.use(watchRoutes({ onRoute: news.onRoute, onOverrun: news.onLost }, options))
      watching.use(
        watchNft(
          {
            onTransaction: ({ tables, kinds }) => {
              // Elements come and go with every Service; only what should stand still is news.
              if (tables.includes(TABLE) && kinds.some((kind) => kind !== 'element')) news.onRules()
            },
            onOverrun: news.onLost,
          },
          options,
        ),
      )
      return watching
    },
    [Symbol.dispose]: () => stack.dispose(),
  }
}
