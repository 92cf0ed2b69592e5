/** Packets that rules of nftables log to a group (`log group 7`): one listener a group (include/uapi/linux/netfilter/nfnetlink_log.h). */
import { NetlinkMonitor } from './netlink/monitor.ts'
import { NETLINK_NETFILTER, type NetlinkOptions } from './netlink/socket.ts'
import {
  beginMessage,
  createWriter,
  endMessage,
  type Message,
  NLM_F_REQUEST,
  putAttribute,
  putU8,
  putU8Attribute,
  putU16be,
  readAttributes,
  readText,
  type Writer,
  written,
} from './netlink/wire.ts'

const NFNL_SUBSYS_ULOG = 4
const NFULNL_MSG_PACKET = NFNL_SUBSYS_ULOG << 8
const NFULNL_MSG_CONFIG = (NFNL_SUBSYS_ULOG << 8) | 1
const NFULA_CFG_CMD = 1
const NFULA_CFG_MODE = 2
const NFULA_CFG_QTHRESH = 5
const NFULNL_CFG_CMD_BIND = 1
const NFULNL_COPY_PACKET = 2
const NFULA_PAYLOAD = 9
const NFULA_PREFIX = 10
/** struct nfgenmsg */
const HEADER = 4

export interface LoggedPacket {
  /** What the rule says before it. */
  readonly prefix: string
  /** From the IP header on, as far as the rule copies it. A view: read it at once. */
  readonly payload: Uint8Array
}

/** Listens until disposed of. @param copy bytes of a packet @throws KernelError EBUSY where another process listens */
export function watchPackets(
  group: number,
  copy: number,
  onPacket: (packet: LoggedPacket) => void,
  options: NetlinkOptions = {},
): NetlinkMonitor {
  const onMessage = (message: Message) => {
    const packet = readPacket(message)
    if (packet) onPacket(packet)
  }
  // What was lost was to be dropped anyway.
  return NetlinkMonitor.open(
    NETLINK_NETFILTER,
    [],
    { onMessage, onOverrun() {}, onError() {} },
    {
      ...options,
      greeting: bindRequest(group, copy),
    },
  )
}

/** Pure. Undefined for what is none: the kernel's answer to the request. */
function readPacket({ type, payload }: Message): LoggedPacket | undefined {
  if (type !== NFULNL_MSG_PACKET) return undefined
  const attributes = readAttributes(payload, HEADER)
  const prefix = attributes.get(NFULA_PREFIX)
  const packet = attributes.get(NFULA_PAYLOAD)
  return packet && { prefix: prefix ? readText(prefix) : '', payload: packet }
}

/** Binds the group and asks for packets at once, each with its first bytes. Pure. */
function bindRequest(group: number, copy: number): Uint8Array {
  const w = createWriter()
  configure(w, group, () => putU8Attribute(w, NFULA_CFG_CMD, NFULNL_CFG_CMD_BIND))
  configure(w, group, () => putAttribute(w, NFULA_CFG_MODE, mode(copy)))
  configure(w, group, () => putAttribute(w, NFULA_CFG_QTHRESH, Uint8Array.of(0, 0, 0, 1)))
  return written(w)
}

function configure(w: Writer, group: number, body: () => void): void {
  const start = beginMessage(w, NFULNL_MSG_CONFIG, NLM_F_REQUEST, 1)
  putU8(w, 0)
  putU8(w, 0)
  putU16be(w, group)
  body()
  endMessage(w, start)
}

/** struct nfulnl_msg_config_mode: copy_range, copy_mode, pad. */
function mode(copy: number): Uint8Array {
  const bytes = new Uint8Array(6)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, copy)
  bytes[4] = NFULNL_COPY_PACKET
  return bytes
}
