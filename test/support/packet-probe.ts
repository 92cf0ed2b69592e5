/** First packets of connections, made by hand, and what of them arrives: a thousand of them take a few hundredths of a second. */
import { formatAddress, parseAddress } from '@podroute/address/address.ts'
import { withNetns } from '@podroute/linux/netns.ts'
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  recvNow,
  SO_RCVBUFFORCE,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_SOCKET,
  sendto,
  setsockoptInt,
  socket,
} from '@podroute/linux/sys.ts'

const AF_PACKET = 17
const ETH_P_IP = 0x0800
const ETH_P_IPV6 = 0x86dd
/** Their sockets take whole packets, header and all. */
const IPPROTO_RAW = 255
const NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const

export type ProbeProtocol = keyof typeof NUMBERS

export interface Probe {
  readonly from: string
  readonly to: string
  readonly protocol: ProbeProtocol
  readonly port: number
}

export function probeKey({ from, to, protocol, port }: Probe): string {
  return `${from} ${to} ${protocol} ${port}`
}

/** A host's raw sockets. */
export class Prober implements Disposable {
  readonly #senders: { readonly 4: number; readonly 6: number }
  readonly #listeners: readonly number[]
  readonly #buffer = new Uint8Array(2048)

  constructor(netns: string) {
    this.#senders = withNetns(netns, () => ({
      4: socket(AF_INET, SOCK_RAW, IPPROTO_RAW),
      6: socket(AF_INET6, SOCK_RAW, IPPROTO_RAW),
    }))
    this.#listeners = withNetns(netns, () => [ETH_P_IP, ETH_P_IPV6].map(listener))
  }

  /** @param sourcePort tells the rounds apart */
  send(probe: Probe, sourcePort: number): void {
    const six = probe.to.includes(':')
    sendto(this.#senders[six ? 6 : 4], packetOf(probe, sourcePort), 0, sockaddr(probe.to))
  }

  /** What has arrived since it was asked last. */
  received(sourcePort: number): string[] {
    const found: string[] = []
    for (const fd of this.#listeners)
      for (let length = recvNow(fd, this.#buffer); length >= 0; length = recvNow(fd, this.#buffer)) {
        const key = keyOf(this.#buffer.subarray(0, length), sourcePort)
        if (key !== undefined) found.push(key)
      }
    return found
  }

  [Symbol.dispose](): void {
    for (const fd of [...Object.values(this.#senders), ...this.#listeners]) close(fd)
  }
}

/** Sees what comes in, before any firewall of the host. */
function listener(protocol: number): number {
  const fd = socket(AF_PACKET, SOCK_DGRAM, swap(protocol))
  const address = new Uint8Array(20)
  const view = new DataView(address.buffer)
  view.setUint16(0, AF_PACKET, true)
  view.setUint16(2, protocol)
  bind(fd, address)
  setsockoptInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
  return fd
}

function swap(number: number): number {
  return ((number & 255) << 8) | (number >> 8)
}

function sockaddr(address: string): Uint8Array {
  const six = address.includes(':')
  const bytes = new Uint8Array(six ? 28 : 16)
  new DataView(bytes.buffer).setUint16(0, six ? AF_INET6 : AF_INET, true)
  bytes.set(parseAddress(address), six ? 8 : 4)
  return bytes
}

/** Sums of the transports are left out: nobody looks at them on the way. */
function packetOf({ from, to, protocol, port }: Probe, sourcePort: number): Uint8Array {
  const payload = transportOf(protocol, port, sourcePort)
  const six = to.includes(':')
  const header = new Uint8Array(six ? 40 : 20)
  const view = new DataView(header.buffer)
  if (six) {
    view.setUint32(0, 0x6000_0000)
    view.setUint16(4, payload.length)
    header.set([NUMBERS[protocol], 64], 6)
    header.set(parseAddress(from), 8)
    header.set(parseAddress(to), 24)
  } else {
    header.set([0x45, 0], 0)
    view.setUint16(2, header.length + payload.length)
    header.set([64, NUMBERS[protocol]], 8)
    header.set(parseAddress(from), 12)
    header.set(parseAddress(to), 16)
  }
  return Uint8Array.of(...header, ...payload)
}

/** A SYN, an empty datagram, or an INIT chunk. */
function transportOf(protocol: ProbeProtocol, port: number, sourcePort: number): Uint8Array {
  const bytes = new Uint8Array({ TCP: 20, UDP: 8, SCTP: 32 }[protocol])
  const view = new DataView(bytes.buffer)
  view.setUint16(0, sourcePort)
  view.setUint16(2, port)
  if (protocol === 'TCP') bytes.set([0x50, 0x02, 0xff, 0xff], 12)
  else if (protocol === 'UDP') view.setUint16(4, bytes.length)
  else {
    bytes.set([1, 0, 0, 20], 12)
    // Initiate tag, window, streams out and in, first sequence number: none may be zero.
    for (const at of [16, 20, 28]) view.setUint32(at, 0x1_0000)
    view.setUint32(24, 0x0001_0001)
  }
  return bytes
}

function keyOf(packet: Uint8Array, sourcePort: number): string | undefined {
  const six = packet[0]! >> 4 === 6
  const number = packet[six ? 6 : 9]
  const protocol = (Object.keys(NUMBERS) as ProbeProtocol[]).find((name) => NUMBERS[name] === number)
  const header = six ? 40 : 20
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
  if (protocol === undefined || view.getUint16(header) !== sourcePort) return undefined
  const text = (at: number) => addressAt(packet, at, six)
  const [from, to] = six ? [text(8), text(24)] : [text(12), text(16)]
  return probeKey({ from, to, protocol, port: view.getUint16(header + 2) })
}

function addressAt(packet: Uint8Array, at: number, six: boolean): string {
  return formatted(packet.subarray(at, at + (six ? 16 : 4)))
}

const texts = new Map<string, string>()

/** The texts of the tests are canonical, and few. */
function formatted(bytes: Uint8Array): string {
  const id = bytes.join()
  const known = texts.get(id)
  if (known !== undefined) return known
  const text = formatAddress(bytes)
  texts.set(id, text)
  return text
}
