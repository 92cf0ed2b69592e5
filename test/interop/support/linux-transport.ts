// The speaker's transport over sockets of the linux package: TCP-MD5, GTSM, and a network namespace of the test's own.
import { connectTcp, listenTcp, securedByTtl } from '@podroute/linux/tcp.ts'
import type { Transport } from 'bgp-speaker-ts/transport.ts'
import { SocketConnection } from 'bgp-speaker-ts/transport-node.ts'

export function linuxTransport(netns?: string): Transport {
  return {
    supports: { password: true, ttlSecurity: true },
    connect(options, handlers) {
      const connection = new SocketConnection(connectTcp({ ...options, netns }), options)
      connection.handle(handlers)
      return connection
    },
    listen: (options, accept) =>
      listenTcp({ ...options, netns }, (socket) => {
        accept(new SocketConnection(socket, undefined, (hops) => securedByTtl(socket, hops)))
      }),
  }
}
