// BFD's sockets on node:dgram: made here, or made by the caller and taken over as file descriptors.
import { createSocket, type Socket } from 'node:dgram'
import type { SocketRequest, Sockets } from './sockets.ts'

/** RFC 5881 section 5. */
const TTL = 255
/** Receive buffer, which holds datagrams while the thread stalls; the kernel grants at most net.core.rmem_max. */
const RECEIVE_BUFFER = 1 << 20

/**
 * @param open returns a bound descriptor. When absent the sockets are made here and datagrams of any TTL are taken:
 *   node:dgram can neither see nor filter the TTL.
 */
export function dgramSockets(open?: (request: SocketRequest) => Promise<number>): Sockets {
  return {
    async receive(address, onDatagram) {
      const socket = await bound({ role: 'receive', ...address }, open)
      socket.on('error', () => {})
      socket.on('message', (bytes, { address: source }) => onDatagram(bytes, source))
      growBuffer(socket)
      return { close: () => closeOnce(socket) }
    },
    async transmit(address, onError) {
      const socket = await bound({ role: 'transmit', ...address }, open)
      socket.on('error', onError)
      // libuv does not know the family of a descriptor that it took over. Whoever made it has set its hop limit.
      if (open === undefined) socket.setTTL(TTL)
      await settled(socket, 'connect', () => socket.connect(address.port, address.peer)).catch((error) => {
        closeOnce(socket)
        throw error
      })
      const done = (error: Error | null) => {
        if (error) onError(error)
      }
      let isOpen = true
      return {
        send: (bytes) => {
          if (isOpen) socket.send(bytes, done)
        },
        close: () => {
          isOpen = false
          closeOnce(socket)
        },
      }
    },
  }
}

async function bound(
  request: SocketRequest,
  open: ((request: SocketRequest) => Promise<number>) | undefined,
): Promise<Socket> {
  const v6 = request.local.includes(':')
  const socket = createSocket({ type: v6 ? 'udp6' : 'udp4', ipv6Only: v6, lookup: noLookup })
  const port = request.role === 'receive' ? request.port : request.sourcePort
  const where = open ? { fd: await open(request) } : { address: request.local, port }
  try {
    // Never one of a cluster's primary.
    await settled(socket, 'listening', () => socket.bind({ ...where, exclusive: true }))
    return socket
  } catch (error) {
    closeOnce(socket)
    throw error
  }
}

/** A lookup without a resolver: all addresses are numeric. */
function noLookup(
  hostname: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  process.nextTick(callback, null, hostname, hostname.includes(':') ? 6 : 4)
}

function settled(socket: Socket, event: 'listening' | 'connect', start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(error)
    socket.once('error', failed)
    socket.once(event, () => {
      socket.off('error', failed)
      resolve()
    })
    start()
  })
}

function growBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER)
  } catch {
    // The default buffer is enough for some dozens of sessions.
  }
}

function closeOnce(socket: Socket): void {
  try {
    socket.close()
  } catch {
    // It failed to open and has closed itself.
  }
}
