// The listening sockets and the TCP-MD5 keys that are set on them.
import type { Connection, Listener, Transport } from '../transport.ts'

export class Listeners {
  readonly #transport: Transport
  #listeners: Listener[] = []
  /** Keys by address or prefix. */
  readonly #passwords = new Map<string, string>()

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** Addresses and ports of the listening sockets. */
  get addresses(): readonly { readonly address: string; readonly port: number }[] {
    return this.#listeners.map(({ address, port }) => ({ address, port }))
  }

  /** Listens on all addresses when `addresses` is absent. @throws when an address cannot be bound. */
  async open(
    { addresses, port }: { readonly addresses?: readonly string[]; readonly port: number },
    accept: (connection: Connection) => void,
  ): Promise<void> {
    for (const address of addresses ?? [undefined]) {
      const options = { port, ...(address === undefined ? {} : { address }) }
      const listener = await this.#transport.listen(options, accept)
      this.#listeners.push(listener)
      for (const [remote, password] of this.#passwords) listener.setPassword(remote, password)
    }
  }

  /** Listens on these addresses in place of those before; sockets of addresses that stay are not touched. @throws when an address cannot be bound: the others of before go on. */
  async move(
    addresses: readonly string[],
    port: number,
    accept: (connection: Connection) => void,
  ): Promise<void> {
    const missing = addresses.filter((address) => !this.#listeners.some((one) => one.address === address))
    await this.open({ addresses: missing, port }, accept)
    const unwanted = this.#listeners.filter(({ address }) => !addresses.includes(address))
    this.#listeners = this.#listeners.filter(({ address }) => addresses.includes(address))
    await Promise.all(unwanted.map((listener) => listener.close()))
  }

  /** Sets the key that connections from an address or prefix must have; undefined removes it. */
  setPassword(remote: string, password: string | undefined): void {
    if (password === undefined) {
      if (!this.#passwords.delete(remote)) return
    } else this.#passwords.set(remote, password)
    for (const listener of this.#listeners) listener.setPassword(remote, password)
  }

  /** Closes all; resolves when they are closed. */
  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()))
  }
}
