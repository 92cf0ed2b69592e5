/** How many connections servers may hold at once, so that whoever opens many takes neither descriptors nor answers from the others. */

/** What is used of a socket. */
export interface Connection {
  /** Of the other end; undefined on a unix socket. */
  readonly remoteAddress?: string | undefined
  destroy(): unknown
  once(event: 'close', listener: () => void): unknown
}

/**
 * A budget of one server, or of several together. A new connection always gets in: where there is no room for it, the address with
 * the most connections loses the one that has asked nothing for longest.
 */
export class ConnectionLimit {
  readonly #most: number
  /** With the other end's address, because a socket forgets it; the one that has asked nothing for longest comes first. */
  readonly #connections = new Map<Connection, string>()

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#connections.size
  }

  add(connection: Connection): void {
    this.#connections.set(connection, connection.remoteAddress ?? '')
    connection.once('close', () => void this.#connections.delete(connection))
    if (this.#connections.size <= this.#most) return
    const victim = this.#victim()
    this.#connections.delete(victim)
    victim.destroy()
  }

  /** It has asked for something, or was answered. */
  used(connection: Connection): void {
    const address = this.#connections.get(connection)
    if (address === undefined || !this.#connections.delete(connection)) return
    this.#connections.set(connection, address)
  }

  #victim(): Connection {
    const counts = new Map<string, number>()
    for (const address of this.#connections.values()) counts.set(address, (counts.get(address) ?? 0) + 1)
    const most = Math.max(...counts.values())
    for (const [connection, address] of this.#connections) {
      if (counts.get(address) === most) return connection
    }
    throw new Error('unreachable: there is a connection more than the limit')
  }
}
