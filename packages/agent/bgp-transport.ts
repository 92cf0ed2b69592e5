/** The BGP speaker's sockets with TCP-MD5 (RFC 2385) and GTSM (RFC 5082), which need socket options that node does not have. */
import { Socket } from 'node:net'
import { connectTcp, listenTcp } from '@podroute/linux/tcp.ts'
import type { ConnectOptions, Transport } from 'bgp-speaker-ts/transport.ts'
import { SocketConnection } from 'bgp-speaker-ts/transport-node.ts'

export const kernelTransport: Transport = {
  supports: { password: true, ttlSecurity: true },

  connect(options, handlers) {
    const connection = new SocketConnection(open(options), options)
    connection.handle(handlers)
    return connection
  },

  async listen(options, accept) {
    const listener = await listenTcp(options, (socket) => accept(new SocketConnection(socket)))
    return {
      address: listener.address,
      port: listener.port,
      setPassword: (remote, password) => listener.setPassword(remote, password),
      close: () => listener.close(),
    }
  },
}

/** A socket that cannot even be bound (its address is gone) closes with the reason, like any other failed attempt. */
function open(options: ConnectOptions): Socket {
  try {
    return connectTcp(options)
  } catch (error) {
    return new Socket().destroy(error as Error)
  }
}
