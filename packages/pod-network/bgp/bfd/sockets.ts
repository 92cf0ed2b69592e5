/** BFD's sockets: they send with TTL 255 and are deaf to any other (RFC 5881 section 5), which Node.js cannot ask for. */
import { parseAddress } from '@podroute/address/address.ts'
import { interfaceIndex } from '@podroute/linux/interface.ts'
import { withNetns } from '@podroute/linux/netns.ts'
import {
  AF_INET,
  AF_INET6,
  attachFilter,
  bind,
  close,
  SO_BINDTOIFINDEX,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  setsockoptInt,
  socket,
} from '@podroute/linux/sys.ts'
import { setTtl, sockaddr } from '@podroute/linux/tcp-options.ts'
import { type OpenSocket, ttlFilter } from 'bgp-speaker-ts/bfd/sockets.ts'

const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26

/** @param netns path of the network namespace; the process's own when absent, and only there a link-local address can be connected to */
export function kernelBfdSockets(netns?: string): OpenSocket {
  return (request) =>
    withNetns(netns, () => {
      const family = request.local.includes(':') ? 6 : 4
      const fd = socket(family === 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)
      try {
        if (family === 6) setsockoptInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
        if (request.role === 'receive') attachFilter(fd, ttlFilter(family))
        else setTtl(fd, family, 255)
        const port = request.role === 'receive' ? request.port : request.sourcePort
        const [address = '', zone] = request.local.split('%')
        if (zone !== undefined) setsockoptInt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, interfaceIndex(fd, zone))
        bind(fd, sockaddr(family, parseAddress(address), port))
        return fd
      } catch (error) {
        close(fd)
        throw error
      }
    })
}
