/** The CNI configuration that the container runtime reads: bridge and host-local with the node's pod prefixes, and portmap. */

import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { PodNetworkSettings } from '../settings.ts'

/** 1.0.0: the newest version that containerd 1.6 understands. */
const CNI_VERSION = '1.0.0'

/** Text of the file; the same input always gives the same bytes. @param more what others have the plugin `bridge` do */
export function planConflist(
  local: ClusterNode,
  mtu: number,
  settings: PodNetworkSettings,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const conflist = {
    cniVersion: CNI_VERSION,
    name: 'podroute',
    plugins: [
      {
        type: 'bridge',
        bridge: settings.bridge,
        isDefaultGateway: true,
        hairpinMode: settings.hairpin,
        mtu,
        sourceCheck: settings.sourceCheck,
        ...more,
        ipam: {
          type: 'host-local',
          ranges: local.podCidrs.map((prefix) => [{ subnet: prefix.text }]),
          // After a reboot no runtime gives back what the pods before it had, and at this version none calls GC.
          reclaimStale: true,
        },
      },
      // A pod's hostPort. Without one the plugin has nothing to do.
      { type: 'portmap', snat: true, capabilities: { portMappings: true } },
    ],
  }
  return `${JSON.stringify(conflist, null, 2)}\n`
}
