/**
 * Revisions of IPVS' servers and destinations for quick audits, from one reading of /proc/net/ip_vs for both. A dump of the servers by
 * netlink, which carries all counters, takes the kernel as long again; only it has a server's flags. So it is made one time in some.
 */

/** Milliseconds for which both revisions are taken from one reading: the two tables are audited one after the other. */
const ONE_AUDIT = 1000
/** Readings for one dump of the servers: flags that somebody changed, and nothing else, are seen so much later. */
const READINGS_A_DUMP = 4

export interface IpvsRevisionsOptions {
  /** Of the table of servers and destinations, without its counters. */
  table(): Promise<string>
  /** Of the servers, flags and all. */
  servers(): Promise<string>
  /** Milliseconds of a clock that never goes back. */
  now(): number
}

export class IpvsRevisions {
  readonly #options: IpvsRevisionsOptions
  #reading: Promise<string> | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #readings = 0

  #dumped = ''

  constructor(options: IpvsRevisionsOptions) {
    this.#options = options
  }

  /** Another text when a server is another one, but for its flags; for those after some readings. */
  async servers(): Promise<string> {
    const table = await this.#table()
    if (this.#readings++ % READINGS_A_DUMP === 0) this.#dumped = await this.#options.servers()
    return `${table} ${this.#dumped}`
  }

  /** Another text when a server or a destination is another one. */
  destinations(): Promise<string> {
    return this.#table()
  }

  /** Call it after each write: what was read before or meanwhile is no longer so. */
  written(): void {
    this.#reading = undefined
  }

  #table(): Promise<string> {
    const { table, now } = this.#options
    if (this.#reading === undefined || now() - this.#readAt >= ONE_AUDIT) {
      this.#readAt = now()
      this.#reading = table()
    }
    return this.#reading
  }
}
