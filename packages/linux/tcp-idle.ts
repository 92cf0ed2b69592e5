/** What makes connections cheap on which little happens: short messages wake nobody, and are sent and taken past node's streams. */
import type { Socket } from 'node:net'
import { getsockopt, recvNow, SO_RCVLOWAT, SOL_SOCKET, sendNow, setsockoptInt } from './sys.ts'
import { descriptor } from './tcp.ts'

const IPPROTO_TCP = 6
const TCP_INFO = 11
/** Of tcpi_last_data_recv in struct tcp_info. */
const LAST_DATA_RECEIVED = 52

const info = new DataView(new ArrayBuffer(LAST_DATA_RECEIVED + 4))

/** The process is not woken up for fewer bytes than this, but for the end of the connection. Returns false on a closed one. @throws KernelError */
export function setLowWater(connection: Socket, bytes: number): boolean {
  const fd = descriptor(connection)
  if (fd < 0) return false
  setsockoptInt(fd, SOL_SOCKET, SO_RCVLOWAT, bytes)
  return true
}

/** Takes what has arrived, as far as the buffer has room; returns how many bytes these are. */
export function takeNow(connection: Socket, buffer: Uint8Array): number {
  const fd = descriptor(connection)
  if (fd < 0) return 0
  try {
    // Of an end, which is read as 0 bytes again and again, node learns by itself.
    return Math.max(recvNow(fd, buffer), 0)
  } catch (error) {
    // The kernel tells an error once.
    connection.destroy(error as Error)
    return 0
  }
}

/** Milliseconds since the last data arrived. @throws KernelError */
export function quietFor(connection: Socket): number {
  const fd = descriptor(connection)
  if (fd < 0) return 0
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, new Uint8Array(info.buffer))
  return info.getUint32(LAST_DATA_RECEIVED, true)
}

/** Sends what the kernel takes at once; returns how many bytes these are. What is sent by the stream afterwards follows it, or meets the same error. */
export function sendPast(connection: Socket, bytes: Uint8Array): number {
  const fd = descriptor(connection)
  return fd < 0 ? 0 : Math.max(sendNow(fd, bytes), 0)
}
