/** The BGP speaker's sockets with TCP-MD5 (RFC 2385) and GTSM (RFC 5082), which need socket options that node does not have. */
import { Socket } from 'node:net'
import {
  changeKey,
  connectTcp,
  listenTcp,
  securedByTtl,
  sendWithTtl,
  type TcpConnectOptions,
  tcpAddresses,
} from '@podroute/linux/tcp.ts'
import { quietFor, sendPast, setLowWater, takeNow } from '@podroute/linux/tcp-idle.ts'
import type { Transport } from 'bgp-speaker-ts/transport.ts'
import { SocketConnection, type SocketSettings } from 'bgp-speaker-ts/transport-node.ts'

const SETTINGS: SocketSettings = {
  addresses: tcpAddresses,
  setTtl: sendWithTtl,
  setPassword: changeKey,
  send: sendPast,
  lowWater: { set: setLowWater, take: takeNow, quietFor },
}
/** One for all sockets: there may be thousands. */
const ACCEPTED: SocketSettings = { ...SETTINGS, secureTtl: securedByTtl }

/** @param netns path of the network namespace of the sockets; the process's own when absent */
export function kernelTransport(netns?: string): Transport {
  return {
    supports: { password: true, ttlSecurity: true },

    connect(options, handlers) {
      const connection = new SocketConnection(open({ ...options, netns }), { ...SETTINGS, options })
      connection.handle(handlers)
      return connection
    },

    listen: (options, accept) =>
      listenTcp({ ...options, netns }, (socket) => accept(new SocketConnection(socket, ACCEPTED))),
  }
}

/** A socket that cannot even be bound (its address is gone) closes with the reason, like any other failed attempt. */
function open(options: TcpConnectOptions): Socket {
  try {
    return connectTcp(options)
  } catch (error) {
    return new Socket().destroy(error as Error)
  }
}
