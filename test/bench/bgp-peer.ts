// The benchmark's side of one session: connects, announces what it is given, counts the prefixes that it hears of.
import net from 'node:net'
import { HEADER_LENGTH, MESSAGE } from 'bgp-speaker-ts/packet/codes.ts'
import { Framer } from 'bgp-speaker-ts/packet/header.ts'
import { encodeMessage } from 'bgp-speaker-ts/packet/message.ts'
import { countPrefixes, eachNlri } from './bgp-count.ts'
import { type IpFamily, LINK, meshIndex, PORT, peerAddress, peerAsn } from './bgp-scenario.ts'

const KEEPALIVE = encodeMessage({ kind: 'keepalive' })
const RETRY = 50

export class BenchPeer {
  readonly index: number
  readonly family: IpFamily
  prefixes = 0
  established = false
  readonly #progress: () => void
  /** Of a mesh: which of the prefixes it knows, by the index of who announces it. A device may say a thing twice. */
  readonly #known: Uint8Array | undefined
  #socket: net.Socket | undefined
  #framer = new Framer()

  /** `progress` is called after anything that changed. `mesh`: how many peers it has; of tables the prefixes are only counted. */
  constructor(index: number, family: IpFamily, progress: () => void, mesh?: number) {
    this.index = index
    this.family = family
    this.#progress = progress
    this.#known = mesh === undefined ? undefined : new Uint8Array(mesh)
  }

  connect(): void {
    this.#framer = new Framer()
    const { family, index } = this
    const localAddress = peerAddress(index, family)
    const socket = net.connect({ host: LINK[family].device, port: PORT, localAddress })
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('connect', () => socket.write(this.#open()))
    socket.on('data', (bytes) => this.#data(bytes))
    socket.on('error', () => {})
    // The device may refuse at first, or clear a session away: then again, as a router would.
    socket.on('close', () => {
      if (this.#socket === undefined) return
      this.established = false
      this.prefixes = 0
      this.#known?.fill(0)
      this.#progress()
      setTimeout(() => this.#socket !== undefined && this.connect(), RETRY)
    })
  }

  /** `taken` is called when the kernel has all of it. */
  send(bytes: Uint8Array, taken?: () => void): void {
    this.#socket?.write(bytes, taken)
  }

  close(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }

  #open(): Uint8Array {
    const index = this.index + 1
    return encodeMessage({
      kind: 'open',
      asn: peerAsn(this.index),
      holdTime: 90,
      routerId: 0x0a000000 + index,
      capabilities: [
        { kind: 'multiprotocol', afi: this.family === 'ipv4' ? 1 : 2, safi: 1 },
        { kind: 'four-octet-as', asn: peerAsn(this.index) },
      ],
    })
  }

  #data(bytes: Uint8Array): void {
    this.#framer.push(bytes, (buffer, type, start, end) => {
      if (type === MESSAGE.UPDATE) this.#count(buffer, start + HEADER_LENGTH, end)
      else if (type === MESSAGE.OPEN) this.send(KEEPALIVE)
      else if (type === MESSAGE.KEEPALIVE) {
        if (this.established) this.send(KEEPALIVE)
        this.established = true
      }
      return true
    })
    this.#progress()
  }

  /** Prefixes announced, less those withdrawn. */
  #count(bytes: Uint8Array, body: number, end: number): void {
    eachNlri(bytes, body, end, this.family, this.#onNlri)
  }

  readonly #onNlri = (bytes: Uint8Array, from: number, end: number, announced: 0 | 1): void => {
    const known = this.#known
    if (known === undefined) {
      const count = countPrefixes(bytes, from, end)
      this.prefixes += announced === 1 ? count : -count
      return
    }
    for (let at = from; at < end; at += 1 + ((bytes[at]! + 7) >> 3)) {
      const index = meshIndex(bytes, at + 1, this.family)
      this.prefixes += announced - known[index]!
      known[index] = announced
    }
  }
}
