/** Opens the kernel for the pod network, and loads the module that bridged traffic needs. */
import { openNft } from '@podroute/kernel/nft/open-nft.ts'
import { loadModule } from '@podroute/linux/modules.ts'
import { NETLINK_ROUTE, NetlinkSocket } from '@podroute/linux/netlink/socket.ts'
import { Addresses } from '@podroute/linux/route/addresses.ts'
import { Links } from '@podroute/linux/route/links.ts'
import { Routes } from '@podroute/linux/route/routes.ts'
import { readSysctl, writeSysctl } from '@podroute/linux/sysctl.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import { KernelChanges } from './resources/kernel-changes.ts'
import type { PodNetworkKernel } from './tables.ts'

/** @throws KernelError */
export async function openPodNetworkKernel(log: Logger): Promise<PodNetworkKernel> {
  const outcome = await loadModule('br_netfilter')
  if (!outcome.ok) log.warn('kernel module missing', { module: 'br_netfilter', reason: outcome.reason })
  const socket = NetlinkSocket.open(NETLINK_ROUTE)
  return {
    routes: new Routes(socket),
    links: new Links(socket),
    addresses: new Addresses(socket),
    nft: openNft(),
    sysctls: { read: (name) => readSysctl(name), write: (name, value) => void writeSysctl(name, value) },
    changes: KernelChanges.open(log),
  }
}
