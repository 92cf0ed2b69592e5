/** Listens on all interfaces of a node. It has native code: load it when it is wanted. */
import { hasCode } from '@podroute/linux/errors.ts'
import { NETLINK_ROUTE, NetlinkSocket } from '@podroute/linux/netlink/socket.ts'
import { openPackets, type PacketSocket, type RawPacket } from '@podroute/linux/packet/socket.ts'
import { Links } from '@podroute/linux/route/links.ts'
import { CliError } from '../errors.ts'
import type { Captured } from './captured.ts'
import { packetOf } from './lines.ts'
import type { CaptureOptions } from './options.ts'
import { type PlacedLink, placeOf, placesText } from './places.ts'
import type { Tally } from './tally.ts'
import { isWanted, type Wanted } from './wanted.ts'

export interface Listening {
  readonly wanted: Wanted
  readonly options: Pick<CaptureOptions, 'limits' | 'places'>
  /** Bytes of each packet. */
  readonly keep: number
  readonly netns?: string | undefined
  readonly tally: Tally
  /** Ends it. */
  readonly signal: AbortSignal
  /** From now on packets are heard. */
  began(where: string): void
  seen(packet: Captured): void
}

/** Until a limit or `signal`. @throws CliError where this process may not */
export async function listen(listening: Listening): Promise<void> {
  const { netns, options, signal, tally } = listening
  using socket = NetlinkSocket.open(NETLINK_ROUTE, netns === undefined ? {} : { netns })
  const links = new Interfaces(new Links(socket))
  await links.refresh()
  await new Promise<void>((resolve, reject) => {
    const end = (error?: unknown) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      if (packets) tally.lost += packets.lost()
      packets?.close()
      if (error === undefined) resolve()
      else reject(error)
    }
    const stop = () => end()
    const hear = (packet: RawPacket) => {
      if (tally.enough) return
      links.place(packet, (link) => {
        note(packet, link, listening)
        if (tally.enough) end()
      })
    }
    const timer = setTimeout(stop, options.limits.milliseconds)
    signal.addEventListener('abort', stop, { once: true })
    let packets: PacketSocket | undefined
    try {
      packets = openPackets({ filter: listening.wanted, keep: listening.keep, netns }, hear)
      listening.began(placesText(links.all))
      if (signal.aborted) end()
    } catch (error) {
      end(refused(error))
    }
  })
}

function note(packet: RawPacket, link: PlacedLink, { wanted, options, tally, seen }: Listening): void {
  const place = placeOf(link)
  const { places } = options
  if (places.length > 0 && !places.includes(place)) return
  // What a node sends to itself comes in at once.
  if (place === 'loopback' && packet.direction === 'out') return
  const { index: _, ...more } = packet
  const captured = { node: '', link: link.name, place, ...more }
  const read = packetOf(captured)
  if (read && isWanted(read, wanted) && tally.take(captured)) seen(captured)
}

function refused(error: unknown): unknown {
  if (!hasCode(error, 'EPERM', 'EACCES')) return error
  const message =
    'capture needs CAP_NET_RAW, which agents do not have: kubectl podroute capture starts a pod that has it, or run it as root on the node'
  return new CliError('denied', message, { cause: error })
}

/** The node's interfaces by index. Packets of one that is new wait until it is known, and those behind them. */
class Interfaces {
  readonly #links: Links
  readonly #waiting: (() => void)[] = []
  #known = new Map<number, PlacedLink>()
  #asking = false

  constructor(links: Links) {
    this.#links = links
  }

  get all(): readonly PlacedLink[] {
    return [...this.#known.values()]
  }

  async refresh(): Promise<void> {
    this.#known = new Map((await this.#links.list()).map((link) => [link.index, link]))
  }

  place(packet: RawPacket, then: (link: PlacedLink) => void): void {
    const link = this.#known.get(packet.index)
    if (link && this.#waiting.length === 0) {
      then(link)
      return
    }
    this.#waiting.push(() => then(this.#known.get(packet.index) ?? goneLink(packet.index)))
    if (!this.#asking) void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#asking = true
    await this.refresh().catch(() => {})
    this.#asking = false
    for (const next of this.#waiting.splice(0)) next()
  }
}

/** It is away again. */
function goneLink(index: number): PlacedLink {
  return { index, name: `interface ${index}`, kind: '', loopback: false, master: 0 }
}
