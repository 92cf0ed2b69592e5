// Discovery by Router Advertisements (RFC 4861): both ends of a link send them, as FRR does for unnumbered neighbours.
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
  /** With hop limit 255. @throws when it cannot leave at the moment */
  send(bytes: Uint8Array, to: string): void
  close(): void
}

/**
 * Opens a link for Router Solicitations and Advertisements. It hears only what came with hop limit 255, from the link itself
 * therefore (RFC 4861 section 6.1), and not what it has sent; `source` is without zone.
 * @throws while there is no such link
 */
export type OpenLink = (link: string, heard: (bytes: Uint8Array, source: string) => void) => LinkSocket

export interface RouterDiscoveryConfig {
  readonly open: OpenLink
  readonly clock?: Clock
  /** Random numbers in [0, 1): advertisements of routers on one link must not fall into step (RFC 4861 section 6.2.4). */
  readonly random?: () => number
  readonly log?: Logger
}

/** Milliseconds between advertisements, less up to a quarter; FRR's for unnumbered neighbours. */
const INTERVAL = 10_000
/** Seconds: three intervals (RFC 4861 section 6.2.1, AdvDefaultLifetime). */
const LIFETIME = 30
/** The first few come fast, so that the neighbour need not wait. */
const FIRST_INTERVAL = 1000
const FIRST_COUNT = 4
/** Most milliseconds until a solicitation is answered (RFC 4861 section 6.2.6), and least between two advertisements. */
const ANSWER_DELAY = 500
const LEAST_GAP = 1000
/** Milliseconds for which a neighbour is the one that was found. */
const LEAST_STAY = 5000
/** Milliseconds until a link that is not there is tried again. */
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

  /** A last advertisement says that we are no router any more (RFC 4861 section 6.2.5). */
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

  /** The link is down, or was made anew with another index. */
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
      const gap = this.#lastAt + LEAST_GAP - this.#clock.now()
      this.#schedule(Math.max(gap, this.#random() * ANSWER_DELAY))
      return
    }
    // RFC 4861 section 6.1.2: it must come from a link-local address.
    if (source === this.#neighbour || !isLinkLocal(parseAddress(source) ?? new Uint8Array(0))) return
    // Where two neighbours compete, each is tried for a while.
    if (this.#clock.now() < this.#foundAt + LEAST_STAY) return
    this.#foundAt = this.#clock.now()
    this.#neighbour = source
    this.#log.info('unnumbered peer found', { link: this.#link, address: source })
    this.#located(`${source}%${this.#link}`)
  }

  /** Advertises after `delay` ms, unless that was to be sooner. */
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
