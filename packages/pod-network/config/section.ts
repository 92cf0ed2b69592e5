/** The pod network's part of the configuration file: the cluster's AS number, routers outside, BGP, and the network of the pods. */
import { cidr } from '@podroute/address/cidr.ts'
import { anySection, type ClusterRanges } from '@podroute/feature/section.ts'
import * as z from 'zod'
import { peerKey } from '../bgp/peer-key.ts'
import { drainMark } from '../nodes/node-drain.ts'
import type { ServiceAddressSettings } from '../service-addresses/settings.ts'
import type { ExternalPeer, PodNetworkSettings } from '../settings.ts'
import { readAnnounce } from './announce.ts'
import { asn } from './asn.ts'
import { bfdTimers } from './bfd.ts'
import { bgp, meshPassword, reflectorSettings } from './bgp.ts'
import { collectors } from './bmp.ts'
import { KUBE_ROUTER_FLAGS } from './kube-router-flags.ts'
import { externalPeer, reportDuplicates } from './peer.ts'
import { peer } from './peer-schema.ts'
import { podNetwork } from './pod-network.ts'
import { serviceAddresses, serviceAddressSettings } from './service-addresses.ts'

const shape = {
  asn: asn
    .default(64512)
    .describe('AS number of the cluster: every node’s. A change starts all sessions anew.'),
  peers: z
    .array(peer)
    .default([])
    .describe('BGP routers outside the cluster that nodes peer with and announce their pod prefixes to.'),
  bgp: bgp.prefault({}).describe('Sessions between nodes, and what all sessions share.'),
  podNetwork: podNetwork.prefault({}).describe('The network of the pods on each node.'),
  serviceAddresses: serviceAddresses
    .prefault({})
    .describe('Addresses of Services that routers are told by the nodes that serve them.'),
}

type File = z.infer<z.ZodObject<typeof shape>> & ClusterRanges

export const section = anySection<typeof shape, PodNetworkSettings>({
  shape,
  switches: { 'run-pod-network': ['podNetwork', 'enabled'] },
  kubeRouterFlags: KUBE_ROUTER_FLAGS,
  settings(file, input) {
    const peers = file.peers.map((entry, i) => externalPeer(entry, `peers[${i}]`, input))
    reportDuplicates(peers, input)
    const routers = peers.map(peerKey)
    const addresses = serviceAddressSettings(file.serviceAddresses, routers, input)
    const password = meshPassword(file.bgp, input)
    return file.podNetwork.enabled ? settingsOf(file, peers, addresses, password) : undefined
  },
})

function settingsOf(
  file: File,
  externalPeers: readonly ExternalPeer[],
  serviceAddresses: ServiceAddressSettings,
  meshPassword: string | undefined,
): PodNetworkSettings {
  const meshBfd = bfdTimers(file.bgp.bfd)
  const reflectors = reflectorSettings(file.bgp.reflectors)
  return {
    routing: file.podNetwork.routing,
    asn: file.asn,
    port: file.bgp.port,
    ...(file.bgp.routerId === undefined ? {} : { routerId: file.bgp.routerId }),
    announce: readAnnounce(file.bgp.announce),
    mesh: file.bgp.mesh,
    maxPaths: file.bgp.maxPaths,
    ...(reflectors ? { reflectors } : {}),
    nodeAddressTypes: file.podNetwork.nodeAddressTypes,
    ...(meshPassword === undefined ? {} : { meshPassword }),
    meshTtlSecurity: file.bgp.meshTtlSecurity,
    holdTime: file.bgp.holdTimeSeconds,
    externalPeers,
    cni: file.podNetwork.cni,
    bridge: file.podNetwork.bridge,
    ...(file.podNetwork.mtu === 'auto' ? {} : { mtu: file.podNetwork.mtu }),
    hairpin: file.podNetwork.hairpin,
    masquerade: file.podNetwork.masquerade,
    podsSpeakBgp: file.bgp.fromPods,
    acceptForwarding: file.podNetwork.acceptForwarding,
    nodeCondition: file.podNetwork.nodeCondition,
    sourceCheck: file.podNetwork.sourceCheck,
    noMasquerade: file.podNetwork.noMasquerade.map(cidr),
    serviceCidrs: file.serviceCIDRs.map(cidr),
    clusterCidrs: file.podNetwork.clusterCIDRs.map(cidr),
    nodeCidrs: file.nodeCIDRs.map(cidr),
    serviceAddresses,
    conflist: file.podNetwork.conflist,
    ...(file.bgp.gracefulRestart.enabled ? restartTimes(file.bgp.gracefulRestart) : {}),
    drain: { taints: file.bgp.drain.taints.map(drainMark), labels: file.bgp.drain.labels.map(drainMark) },
    ...(meshBfd === undefined ? {} : { meshBfd }),
    bmpCollectors: collectors(file.bgp.bmp),
    keepRoutes: file.bgp.keepRoutesSeconds,
    peerDeadline: file.bgp.peerDeadlineSeconds,
  }
}

function restartTimes({ timeSeconds, longLivedSeconds }: File['bgp']['gracefulRestart']) {
  return { restartTime: timeSeconds, longLivedTime: longLivedSeconds }
}
