// Discovery by Router Advertisements (RFC 4861), which both ends of a link send, as FRR does for unnumbered neighbours.
import { isLinkLocal, parseAddress } from '../address.ts'
import { type Clock, systemClock } from '../clock.ts'
import { type Logger, silentLogger } from '../log.ts'
import type { Discovery } from './discovery.ts'
import {
  ALL_NODES,
  ALL_ROUTERS,
  type DiscoveryMessage,
  decodeDiscovery,
  encodeDiscovery,
} from './messages.ts'

/** ICMPv6 on one link. */
export interface LinkSocket {
  /** Sends with hop limit 255. @throws when the kernel does not take it at the moment */
  send(bytes: Uint8Array, to: string): void
  close(): void
}

/**
 * Opens a link for Router Solicitations and Advertisements. The socket must pass only packets with hop limit 255, which come from the link itself
 * (RFC 4861 section 6.1), and not those that it has sent. `source` is without zone.
 * @throws while the link does not exist
 */
export type OpenLink = (link: string, heard: (bytes: Uint8Array, source: string) => void) => LinkSocket

export interface RouterDiscoveryConfig {
  readonly open: OpenLink
  readonly clock?: Clock
  /** Random numbers in [0, 1): they keep the advertisements of routers on one link from synchronizing (RFC 4861 section 6.2.4). */
  readonly random?: () => number
  readonly log?: Logger
}

/** Milliseconds between advertisements, shortened by up to a quarter; FRR's value for unnumbered neighbours. */
const INTERVAL = 10_000
/** Router lifetime in seconds: three intervals (RFC 4861 section 6.2.1, AdvDefaultLifetime). */
const LIFETIME = 30
/** The first advertisements follow each other faster, so that the neighbour finds us soon. */
const FIRST_INTERVAL = 1000
const FIRST_COUNT = 4
/** Longest delay of the answer to a solicitation (RFC 4861 section 6.2.6) and shortest time between two advertisements, in milliseconds. */
const ANSWER_DELAY = 500
const MIN_GAP = 1000
/** Milliseconds after a neighbour was found during which no other replaces it. */
const MIN_STAY = 5000
/** Milliseconds between attempts to open a missing link. */
const RETRY = 1000

export class RouterDiscovery implements Discovery {
  readonly #config: RouterDiscoveryConfig

  constructor(config: RouterDiscoveryConfig) {
    this.#config = config
  }

  watch(link: string, located: (address: string) => void): { close(): void } {
    return new LinkWatch(link, located, this.#config)
  }
}

class LinkWatch {
  readonly #link: string
  readonly #located: (address: string) => void
  readonly #open: OpenLink
  readonly #clock: Clock
  readonly #random: () => number
  readonly #log: Logger
  #socket: LinkSocket | undefined
  #neighbour: string | undefined
  #foundAt = Number.NEGATIVE_INFINITY
  #advertised = 0
  #lastAt = Number.NEGATIVE_INFINITY
  #dueAt = Number.POSITIVE_INFINITY
  #cancel: (() => void) | undefined
  #closed = false

  constructor(link: string, located: (address: string) => void, config: RouterDiscoveryConfig) {
    this.#link = link
    this.#located = located
    this.#open = config.open
    this.#clock = config.clock ?? systemClock
    this.#random = config.random ?? Math.random
    this.#log = config.log ?? silentLogger
    this.#begin()
  }

  /** Closes the link, after a last advertisement that we are no longer a router (RFC 4861 section 6.2.5). */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancel?.()
    this.#send({ kind: 'advertisement', lifetime: 0 }, ALL_NODES)
    this.#socket?.close()
  }

  #begin(): void {
    try {
      this.#socket = this.#open(this.#link, (bytes, source) => this.#heard(bytes, source))
    } catch (error) {
      this.#log.debug('link of an unnumbered peer cannot be opened', { link: this.#link, error })
      this.#wait(RETRY, () => this.#begin())
      return
    }
    this.#send({ kind: 'solicitation' }, ALL_ROUTERS)
    this.#advertise()
  }

  #advertise(): void {
    this.#lastAt = this.#clock.now()
    if (!this.#send({ kind: 'advertisement', lifetime: LIFETIME }, ALL_NODES)) {
      this.#reopen()
      return
    }
    this.#advertised++
    const early = this.#advertised < FIRST_COUNT
    this.#schedule(early ? FIRST_INTERVAL : INTERVAL * (1 - this.#random() / 4))
  }

  /** Opens the link again later: it is down, or was recreated with another index. */
  #reopen(): void {
    this.#socket?.close()
    this.#socket = undefined
    this.#advertised = 0
    this.#wait(RETRY, () => this.#begin())
  }

  #send(message: DiscoveryMessage, to: string): boolean {
    try {
      this.#socket?.send(encodeDiscovery(message), to)
      return true
    } catch (error) {
      this.#log.debug('cannot send on the link of an unnumbered peer', { link: this.#link, error })
      return false
    }
  }

  #heard(bytes: Uint8Array, source: string): void {
    const message = decodeDiscovery(bytes)
    if (message === undefined || this.#closed) return
    if (message.kind === 'solicitation') {
      const gap = this.#lastAt + MIN_GAP - this.#clock.now()
      this.#schedule(Math.max(gap, this.#random() * ANSWER_DELAY))
      return
    }
    // An advertisement must come from a link-local address (RFC 4861 section 6.1.2).
    if (source === this.#neighbour || !isLinkLocal(parseAddress(source) ?? new Uint8Array(0))) return
    // When two neighbours compete, each is used for a while.
    if (this.#clock.now() < this.#foundAt + MIN_STAY) return
    this.#foundAt = this.#clock.now()
    this.#neighbour = source
    this.#log.info('unnumbered peer found', { link: this.#link, address: source })
    this.#located(`${source}%${this.#link}`)
  }

  /** Advertises after `delay` ms, unless an earlier advertisement is scheduled. */
  #schedule(delay: number): void {
    const at = this.#clock.now() + delay
    if (at >= this.#dueAt) return
    this.#wait(delay, () => this.#advertise())
    this.#dueAt = at
  }

  #wait(delay: number, run: () => void): void {
    this.#cancel?.()
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#cancel = this.#clock.after(delay, () => {
      this.#dueAt = Number.POSITIVE_INFINITY
      run()
    })
  }
}
