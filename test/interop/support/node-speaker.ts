// The BGP speaker of a node, as the agent plans it from a configuration file, without the rest of the agent.
import { loadConfig } from '@podroute/agent/config/load.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import { planPodPrefixes } from '@podroute/pod-network/bgp/announcements.ts'
import { kernelBfdSockets } from '@podroute/pod-network/bgp/bfd/sockets.ts'
import { planInstance } from '@podroute/pod-network/bgp/instance-config.ts'
import { planExternalPeer } from '@podroute/pod-network/bgp/routers.ts'
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { PodNetworkSettings } from '@podroute/pod-network/settings.ts'
import { Bfd } from 'bgp-speaker-ts/bfd/bfd.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import type { Site } from './router-network.ts'

export interface NodeSpeaker {
  readonly speaker: Speaker
  readonly bfd: Bfd
  /** Prefixes that it announces. */
  readonly pods: readonly string[]
  close(): Promise<void>
}

/** @param files by path, beside the configuration @param restarting the node's agent before this one was killed */
export async function startNode(
  site: Site,
  number: number,
  config: string,
  files: Readonly<Record<string, string>> = {},
  pods: readonly string[] = [`10.244.${number}.0/24`, `fd10:244:0:${number}::/64`],
): Promise<NodeSpeaker> {
  const settings = settingsOf(config, files)
  const node = parseNode({
    name: `node-${number}`,
    ready: true,
    podCIDRs: pods,
    internalIPs: [site.ipv4, site.ipv6],
  })
  const bfd = new Bfd({ openSocket: kernelBfdSockets(site.netns) })
  const speaker = new Speaker({
    ...planInstance(node, settings)!,
    transport: kernelTransport(site.netns),
    bfd,
  })
  for (const { announcement } of planPodPrefixes(node).values()) speaker.announce(announcement)
  await speaker.start()
  for (const router of settings.externalPeers) speaker.addPeer(planExternalPeer(node, router, settings)!)
  return {
    ...{ speaker, bfd, pods },
    async close() {
      await speaker.close()
      await bfd.close()
    },
  }
}

function settingsOf(config: string, files: Readonly<Record<string, string>>): PodNetworkSettings {
  const all: Readonly<Record<string, string>> = { ...files, 'config.yaml': config }
  const read = (path: string) => {
    const text = all[path]
    if (text === undefined) throw Object.assign(new Error(`no file ${path}`), { code: 'ENOENT' })
    return text
  }
  const flags = { configFile: 'config.yaml', overrides: [], nodeAddresses: ['127.0.0.1'] }
  return loadConfig(flags, FEATURES, read).features.get('pod-network') as PodNetworkSettings
}
