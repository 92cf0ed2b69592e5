/** Changes of routes, links and addresses as the kernel announces them. */
import { type MonitorOptions, NetlinkMonitor } from '../netlink/monitor.ts'
import { NETLINK_ROUTE } from '../netlink/socket.ts'
import type { Message } from '../netlink/wire.ts'
import { type Address, readAddress } from './address-message.ts'
import { type Link, readLink } from './link-message.ts'
import { type Route, readRoute } from './route-message.ts'
import {
  AF_BRIDGE,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
} from './rtnetlink.ts'

/** `add` is a new or a changed thing. */
export type Change = 'add' | 'remove'

/** Only the groups of the handlers that are given are listened to. */
export interface RouteHandlers {
  /**
   * IPv4 routes that go because their interface went down or lost its address are not announced one by one: take
   * onLink and onAddress as well, and list after a change.
   */
  onRoute?(change: Change, route: Route): void
  onLink?(change: Change, link: Link): void
  onAddress?(change: Change, address: Address): void
  /** Announcements were lost: list anew. */
  onOverrun(): void
  /** A handler threw. */
  onError?(error: Error): void
}

/** @throws KernelError */
export function watchRoutes(handlers: RouteHandlers, options: MonitorOptions = {}): NetlinkMonitor {
  const groups = [
    ...(handlers.onRoute ? [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE] : []),
    ...(handlers.onLink ? [RTNLGRP_LINK] : []),
    ...(handlers.onAddress ? [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] : []),
  ]
  return NetlinkMonitor.open(
    NETLINK_ROUTE,
    groups,
    {
      onMessage: (message) => dispatch(message, handlers),
      onOverrun: () => handlers.onOverrun(),
      ...(handlers.onError && { onError: (error: Error) => handlers.onError?.(error) }),
    },
    options,
  )
}

function dispatch(message: Message, handlers: RouteHandlers): void {
  switch (message.type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = readRoute(message)
      if (route) handlers.onRoute?.(message.type === RTM_NEWROUTE ? 'add' : 'remove', route)
      return
    }
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // A port that leaves its bridge is announced as a RTM_DELLINK of family AF_BRIDGE: the link itself stays.
      if (message.payload[0] === AF_BRIDGE) return
      handlers.onLink?.(message.type === RTM_NEWLINK ? 'add' : 'remove', readLink(message))
      return
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = readAddress(message)
      if (address) handlers.onAddress?.(message.type === RTM_NEWADDR ? 'add' : 'remove', address)
    }
  }
}
