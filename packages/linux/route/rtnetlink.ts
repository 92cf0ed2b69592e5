/** Numbers of rtnetlink: include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h. Pure. */

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_SETLINK = 19
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22
export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26
export const RTM_NEWNEXTHOP = 104
export const RTM_DELNEXTHOP = 105
export const RTM_GETNEXTHOP = 106

export const RTNLGRP_LINK = 1
export const RTNLGRP_IPV4_IFADDR = 5
export const RTNLGRP_IPV4_ROUTE = 7
export const RTNLGRP_IPV6_IFADDR = 9
export const RTNLGRP_IPV6_ROUTE = 11

export const AF_BRIDGE = 7
const AF_INET = 2
const AF_INET6 = 10

/** The main routing table. */
export const TABLE_MAIN = 254

/** Scope of routes and addresses that others may use. */
export const SCOPE_UNIVERSE = 0

/** AF_INET or AF_INET6 of 4 or 6. */
export function addressFamily(family: 4 | 6): number {
  return family === 6 ? AF_INET6 : AF_INET
}

/** 4 or 6; undefined for other families, which dumps of all families bring along. */
export function ipFamily(addressFamily: number): 4 | 6 | undefined {
  return addressFamily === AF_INET ? 4 : addressFamily === AF_INET6 ? 6 : undefined
}
