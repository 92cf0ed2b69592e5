// The receiving sockets: one for each local address, shared by its sessions and closed with the last one.
import type { Sockets } from './sockets.ts'

export type OnDatagram = (bytes: Uint8Array, source: string, local: string, port: number) => void

interface Listener {
  users: number
  readonly opened: Promise<{ close(): void }>
}

export class Listeners {
  readonly #sockets: Sockets
  readonly #onDatagram: OnDatagram
  readonly #listeners = new Map<string, Listener>()

  constructor(sockets: Sockets, onDatagram: OnDatagram) {
    this.#sockets = sockets
    this.#onDatagram = onDatagram
  }

  /** Resolves to a release function once the socket receives. @throws when it cannot be bound */
  async acquire(local: string, port: number): Promise<() => void> {
    const key = `${local} ${port}`
    const listener = this.#listeners.get(key) ?? this.#open(key, local, port)
    listener.users++
    let held = true
    const release = () => {
      if (!held) return
      held = false
      if (--listener.users > 0) return
      if (this.#listeners.get(key) === listener) this.#listeners.delete(key)
      listener.opened.then(
        (socket) => socket.close(),
        () => {},
      )
    }
    try {
      await listener.opened
    } catch (error) {
      release()
      throw error
    }
    return release
  }

  #open(key: string, local: string, port: number): Listener {
    const opened = this.#sockets.receive({ local, port }, (bytes, source) =>
      this.#onDatagram(bytes, source, local, port),
    )
    const listener = { users: 0, opened }
    this.#listeners.set(key, listener)
    return listener
  }
}
