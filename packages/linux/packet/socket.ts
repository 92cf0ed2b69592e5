/** Copies of the packets of all interfaces of a network namespace (packet(7)), from their IP or ARP header on. Needs CAP_NET_RAW. */
import { hasCode, KernelError } from '../errors.ts'
import { growReceiveBuffer } from '../netlink/open.ts'
import { withNetns } from '../netns.ts'
import {
  attachFilter,
  bind,
  close,
  getsockopt,
  ioctl,
  MSG_TRUNC,
  recvFromNow,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  socket,
  watchReadable,
} from '../sys.ts'
import { filterProgram, type PacketFilter } from './filter.ts'

const AF_PACKET = 17
const ETH_P_ALL = 3
const SOL_PACKET = 263
const PACKET_STATISTICS = 6
/** Nanoseconds, as struct timespec, of the packet that was read last. */
const SIOCGSTAMPNS = 0x8907
const OUTGOING = 4
/** struct sockaddr_ll */
const ADDRESS_LENGTH = 20
/** What waits while others work. */
const RECEIVE_BUFFER = 8 * 1024 * 1024
/** Packets for each turn of the event loop, so that timers and signals have theirs. */
const TURN = 200

export interface RawPacket {
  /** Of its interface. */
  readonly index: number
  /** EtherType. */
  readonly protocol: number
  readonly direction: 'in' | 'out'
  /** Nanoseconds since 1970. */
  readonly time: bigint
  /** In bytes, with what was not kept. */
  readonly length: number
  readonly bytes: Uint8Array
}

export interface PacketOptions {
  /** Where it is too long for the kernel, more packets come. */
  readonly filter: PacketFilter
  /** Bytes of each packet that are kept. */
  readonly keep: number
  readonly netns?: string | undefined
}

export interface PacketSocket {
  /** Packets that came faster than they were read, since this was asked last. */
  lost(): number
  close(): void
}

/** @throws KernelError EPERM without CAP_NET_RAW */
export function openPackets(
  { filter, keep, netns }: PacketOptions,
  seen: (packet: RawPacket) => void,
): PacketSocket {
  // Of no protocol at first: nothing comes before there is a filter.
  const fd = withNetns(netns, () => socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0))
  try {
    growReceiveBuffer(fd, RECEIVE_BUFFER)
    attach(fd, filter)
    timeOf(fd)
    bind(fd, boundToAll())
    return listen(fd, keep, seen)
  } catch (error) {
    close(fd)
    throw error
  }
}

/** More than the kernel keeps for a socket (net.core.optmem_max): by ports alone. */
function attach(fd: number, filter: PacketFilter): void {
  try {
    attachFilter(fd, filterProgram(filter))
  } catch (error) {
    if (!hasCode(error, 'ENOMEM')) throw error
    attachFilter(fd, filterProgram({ ...filter, addresses: [] }))
  }
}

function boundToAll(): Uint8Array {
  const address = new Uint8Array(ADDRESS_LENGTH)
  address[0] = AF_PACKET
  new DataView(address.buffer).setUint16(2, ETH_P_ALL)
  return address
}

function listen(fd: number, keep: number, seen: (packet: RawPacket) => void): PacketSocket {
  let isOpen = true
  const buffer = new Uint8Array(keep)
  const source = new Uint8Array(28)
  const from = new DataView(source.buffer)
  const drain = () => {
    for (let n = 0; n < TURN && isOpen; n++) {
      const length = recvFromNow(fd, buffer, source, MSG_TRUNC)
      if (length < 0) return
      seen({
        ...{ index: from.getInt32(4, true), protocol: from.getUint16(2) },
        ...{ direction: source[10] === OUTGOING ? 'out' : 'in', time: timeOf(fd), length },
        bytes: buffer.slice(0, Math.min(length, keep)),
      })
    }
  }
  const watch = watchReadable(fd, (status) => {
    try {
      drain()
    } catch (error) {
      // An interface went down, which the socket says once.
      if (!(error instanceof KernelError)) throw error
    }
    if (status < 0 && isOpen) watch.restart()
  })
  return {
    lost() {
      // struct tpacket_stats: packets, drops. Reading sets them to 0.
      const counts = new Uint8Array(8)
      getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, counts)
      return new DataView(counts.buffer).getUint32(4, true)
    },
    close() {
      if (!isOpen) return
      isOpen = false
      watch.close()
      close(fd)
    },
  }
}

/** When the kernel had the packet that was read last; asking turns that on. */
function timeOf(fd: number): bigint {
  const time = new Uint8Array(16)
  try {
    ioctl(fd, SIOCGSTAMPNS, time)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    return BigInt(Date.now()) * 1_000_000n
  }
  const view = new DataView(time.buffer)
  return view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true)
}
