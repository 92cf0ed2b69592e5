// BFD's sockets made by the linux package: in a network namespace of the test's own, and deaf to any TTL but 255.
import { parseAddress } from '@podroute/linux/address.ts'
import { withNetns } from '@podroute/linux/netns.ts'
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  setsockopt,
  setsockoptInt,
  socket,
} from '@podroute/linux/sys.ts'
import { setTtl, sockaddr } from '@podroute/linux/tcp-options.ts'
import { type OpenSocket, ttlFilter } from 'bgp-speaker-ts/bfd/sockets.ts'
import koffi from 'koffi'

const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const SO_ATTACH_FILTER = 26

export function linuxBfdSockets(netns: string): OpenSocket {
  return (request) =>
    withNetns(netns, () => {
      const family = request.local.includes(':') ? 6 : 4
      const fd = socket(family === 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)
      try {
        if (family === 6) setsockoptInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
        if (request.role === 'receive') attachFilter(fd, ttlFilter(family))
        else setTtl(fd, family, 255)
        const port = request.role === 'receive' ? request.port : request.sourcePort
        bind(fd, sockaddr(family, parseAddress(request.local), port))
        return fd
      } catch (error) {
        close(fd)
        throw error
      }
    })
}

/** struct sock_fprog (linux/filter.h): how many instructions, and where they are. The kernel copies them. */
function attachFilter(fd: number, instructions: Uint8Array): void {
  const program = koffi.alloc('uint8_t', instructions.length)
  try {
    koffi.encode(program, koffi.array('uint8_t', instructions.length), instructions)
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, instructions.length / 8, true)
    view.setBigUint64(8, koffi.address(program), true)
    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, bytes)
  } finally {
    koffi.free(program)
  }
}
