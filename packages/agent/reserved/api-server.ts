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

/** Where the node's own files say that the API server is: hosts of URLs, without the one that only stands in the environment. */
export function configuredHosts(servers: readonly string[], environmentHost: string | undefined): string[] {
  const hosts = servers.flatMap((server) => {
    if (!URL.canParse(server)) return []
    return new URL(server).hostname.replace(/^\[(.*)\]$/, '$1')
  })
  return [...new Set(hosts)].filter((host) => host !== environmentHost)
}

/** The addresses of hosts; a name that nobody knows has none. @param lookup all addresses of a name */
export async function addressesOfHosts(
  hosts: readonly string[],
  lookup: (name: string) => Promise<readonly { readonly address: string }[]>,
): Promise<string[]> {
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
