/** Finds the BGP speaker's unnumbered peers by Router Advertisements (RFC 4861), which need raw ICMPv6 sockets. */
import { openIcmp6 } from '@podroute/linux/icmp6.ts'
import type { Discovery } from 'bgp-speaker-ts/discovery/discovery.ts'
import { ALL_ROUTERS, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION } from 'bgp-speaker-ts/discovery/messages.ts'
import { RouterDiscovery } from 'bgp-speaker-ts/discovery/router-discovery.ts'

const TYPES = [ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT]

/** @param netns path of the network namespace of the links; the process's own when absent */
export function kernelDiscovery(netns?: string): Discovery {
  return new RouterDiscovery({
    open: (link, heard) => openIcmp6({ link, types: TYPES, groups: [ALL_ROUTERS], netns }, heard),
  })
}
