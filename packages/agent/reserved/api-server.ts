/** Where the API server is: the addresses that it answers from, and those that the node's own files name. */
import { withoutMapping } from '@podroute/address/address.ts'
import { addressOf } from '@podroute/cluster/objects/fields.ts'

export class AnsweringServers {
  readonly #changed: (addresses: readonly string[]) => void
  #server = ''
  #addresses = new Set<string>()

  /** @param changed is told all of them */
  constructor(changed: (addresses: readonly string[]) => void) {
    this.#changed = changed
  }

  /** An answer of `server`, a URL, came from this address. A name may have several; those of another server are over. */
  answered(server: string, address: string | undefined): void {
    const canonical = addressOf(address && withoutMapping(address))
    if (canonical === undefined) return
    if (server === this.#server && this.#addresses.has(canonical)) return
    if (server !== this.#server) this.#addresses = new Set()
    this.#server = server
    this.#addresses.add(canonical)
    this.#changed([...this.#addresses].sort())
  }
}

export interface ConfiguredServersOptions {
  /** In the environment, of the API server's Service: its address is nobody's that could be taken. */
  readonly environmentHost: string | undefined
  lookup: Lookup
  /** Is told all their addresses. */
  found(addresses: readonly string[]): void
  failed(error: unknown): void
}

/** Addresses of the servers that the node's files name, found anew when these name others. */
export class ConfiguredServers {
  readonly #options: ConfiguredServersOptions
  #last: object | undefined

  constructor(options: ConfiguredServersOptions) {
    this.#options = options
  }

  /** @param urls in place of those before */
  update(urls: readonly string[]): void {
    const { environmentHost, lookup, found, failed } = this.#options
    const hosts = configuredHosts(urls, environmentHost)
    // An answer about earlier ones may be late.
    this.#last = hosts
    addressesOfHosts(hosts, lookup).then((addresses) => {
      if (this.#last === hosts) found(addresses)
    }, failed)
  }
}

/** All addresses of a name. */
export type Lookup = (name: string) => Promise<readonly { readonly address: string }[]>

/** Where the node's own files say that the API server is: hosts of URLs, without the one that only stands in the environment. */
export function configuredHosts(servers: readonly string[], environmentHost: string | undefined): string[] {
  const hosts = servers.flatMap((server) => {
    if (!URL.canParse(server)) return []
    return new URL(server).hostname.replace(/^\[(.*)\]$/, '$1')
  })
  return [...new Set(hosts)].filter((host) => host !== environmentHost)
}

/** The addresses of hosts; a name that nobody knows has none. */
export async function addressesOfHosts(hosts: readonly string[], lookup: Lookup): Promise<string[]> {
  const found = await Promise.all(
    hosts.map(async (host) => {
      if (addressOf(host) !== undefined) return [host]
      const answers = await lookup(host).catch(() => [])
      return answers.map(({ address }) => address)
    }),
  )
  return found
    .flat()
    .map(addressOf)
    .filter((address) => address !== undefined)
}
