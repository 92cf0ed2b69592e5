/** Ethernet frames as bytes, honest and forged, and how to send and hear them in a network namespace. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseAddress } from '@podroute/address/address.ts'

export const ALL_NODES = '33:33:00:00:00:01'
export const BROADCAST = 'ff:ff:ff:ff:ff:ff'

const hexOf = (mac: string) => mac.replaceAll(':', '')
const u16 = (value: number) => value.toString(16).padStart(4, '0')
const addressHex = (address: string) => Buffer.from(parseAddress(address)).toString('hex')
const textHex = (text: string) => Buffer.from(text).toString('hex')

/** A frame in hexadecimal. @param vlan of a tag in front */
export function frame(to: string, from: string, type: number, payload: string, vlan?: number): string {
  const tag = vlan === undefined ? '' : `8100${u16(vlan)}`
  return hexOf(to) + hexOf(from) + tag + u16(type) + payload
}

/** The Internet checksum (RFC 1071). */
function checksum(hex: string): string {
  const words = (hex.match(/.{4}/g) ?? []).map((word) => Number.parseInt(word, 16))
  let sum = words.reduce((a, b) => a + b, 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return u16(~sum & 0xffff)
}

const even = (hex: string) => (hex.length % 4 === 0 ? hex : `${hex}00`)

export interface Packet {
  readonly source: string
  readonly destination: string
}

function udp(text: string, sourcePort: number, destinationPort: number): string {
  return u16(sourcePort) + u16(destinationPort) + u16(8 + text.length)
}

/** The payload of a frame of type 0x0800 or 0x86dd, by the family of the addresses. */
export function udpPacket({ source, destination }: Packet, text: string, ports = [40000, 40001]): string {
  const head = udp(text, ports[0]!, ports[1]!)
  const body = textHex(text)
  if (!source.includes(':')) {
    const before = `4500${u16(28 + text.length)}000000004011`
    const addresses = addressHex(source) + addressHex(destination)
    return `${before}${checksum(`${before}0000${addresses}`)}${addresses}${head}0000${body}`
  }
  const length = 8 + text.length
  const pseudo = `${addressHex(source)}${addressHex(destination)}${u16(0)}${u16(length)}00000011`
  return (
    v6Header(source, destination, length, 17) + head + checksum(even(`${pseudo}${head}0000${body}`)) + body
  )
}

function v6Header(source: string, destination: string, length: number, protocol: number): string {
  const next = protocol.toString(16).padStart(2, '0')
  return `60000000${u16(length)}${next}ff${addressHex(source)}${addressHex(destination)}`
}

/** @param message without its checksum: type and code, then what follows it */
export function icmp6Packet({ source, destination }: Packet, message: readonly [string, string]): string {
  const length = 4 + message[1].length / 2
  const pseudo = `${addressHex(source)}${addressHex(destination)}${u16(0)}${u16(length)}0000003a`
  const sum = checksum(even(`${pseudo}${message[0]}0000${message[1]}`))
  return v6Header(source, destination, length, 58) + message[0] + sum + message[1]
}

/** ICMPv6 messages of neighbour discovery (RFC 4861), to be put in a packet. */
export const solicitation = (target: string, mac?: string) =>
  ['8700', `00000000${addressHex(target)}${mac ? `0101${hexOf(mac)}` : ''}`] as const
export const advertisement = (target: string, mac: string) =>
  ['8800', `20000000${addressHex(target)}0201${hexOf(mac)}`] as const
/** Of a router for half an hour. */
export const routerAdvertisement = (mac: string) =>
  ['8600', `40000708${'00'.repeat(8)}0101${hexOf(mac)}`] as const
export const redirect = (target: string, destination: string) =>
  ['8900', `00000000${addressHex(target)}${addressHex(destination)}`] as const

export interface ArpFields {
  readonly mac: string
  readonly address: string
  readonly target: string
}

/** A reply that nobody asked for, unless `request`. */
export function arp({ mac, address, target }: ArpFields, request = false): string {
  const head = `00010800060400${request ? '01' : '02'}`
  return `${head}${hexOf(mac)}${addressHex(address)}${'00'.repeat(6)}${addressHex(target)}`
}

const SEND = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for f in sys.argv[2:]: s.send(bytes.fromhex(f))`

const HEAR = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
print('ready', flush=True)
while True:
  data, address = s.recvfrom(4096)
  if address[2] != 4: print(data.hex(), flush=True)`

const python = (netns: string, script: string, ...args: string[]) => [
  ...['netns', 'exec', netns, 'python3', '-c', script],
  ...args,
]

export function sendFrames(netns: string, link: string, ...frames: readonly string[]): void {
  execFileSync('ip', python(netns, SEND, link, ...frames))
}

/** What arrives at an interface. */
export class Ear implements AsyncDisposable {
  readonly #process: ChildProcess
  #heard = ''

  private constructor(process: ChildProcess) {
    this.#process = process
    process.stdout!.setEncoding('latin1').on('data', (text: string) => {
      this.#heard += text
    })
  }

  static async open(netns: string, link: string): Promise<Ear> {
    const args = python(netns, HEAR, link)
    const ear = new Ear(spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] }))
    await ear.#until('ready')
    return ear
  }

  /** Waits for a frame that holds `end`, and says whether one that holds `text` came before it. */
  async heardBefore(text: string, end: string): Promise<boolean> {
    await this.#until(end)
    return this.#heard.includes(text)
  }

  async #until(text: string): Promise<void> {
    while (!this.#heard.includes(text))
      await once(this.#process.stdout!, 'data', { signal: AbortSignal.timeout(5000) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}

/** A marker that is seen as it is in a frame. */
export const marker = textHex
