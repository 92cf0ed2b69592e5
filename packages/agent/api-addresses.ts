/** Where the API server is: the addresses that answered, and the endpoints of its Service. */
import { withoutMapping } from '@podroute/address/address.ts'
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import { SERVICE_NAME_LABEL } from '@podroute/cluster/objects/endpoint-slice.ts'
import { addressOf } from '@podroute/cluster/objects/fields.ts'

const NAMESPACE = 'default'
const SERVICE = 'kubernetes'

export class ApiServerAddresses {
  readonly #changed: (addresses: readonly string[]) => void
  readonly #endpoints = new Map<string, readonly string[]>()
  #lastEndpoints: readonly string[] = []
  #server = ''
  #answered = new Set<string>()
  #told = ''

  /** @param changed is told all of them */
  constructor(changed: (addresses: readonly string[]) => void) {
    this.#changed = changed
  }

  /** An answer of `server`, a URL, came from this address. A name may have several; those of another server are over. */
  answered(server: string, address: string | undefined): void {
    const canonical = addressOf(address && withoutMapping(address))
    if (canonical === undefined) return
    if (server !== this.#server) this.#answered = new Set()
    this.#server = server
    this.#answered.add(canonical)
    this.#tell()
  }

  /** Slices of other Services are none of its business. */
  setSlice({ metadata, endpoints }: EndpointSliceObject): void {
    if (metadata?.namespace !== NAMESPACE) return
    const key = `${metadata.namespace}/${metadata.name}`
    if (metadata.labels?.[SERVICE_NAME_LABEL] !== SERVICE) {
      this.removeSlice(key)
      return
    }
    const addresses = (endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? [])
    this.#endpoints.set(
      key,
      addresses.map(addressOf).filter((address) => address !== undefined),
    )
    this.#tell()
  }

  removeSlice(key: string): void {
    if (this.#endpoints.delete(key)) this.#tell()
  }

  #tell(): void {
    const endpoints = [...this.#endpoints.values()].flat()
    // A control plane that goes down takes its endpoints out of the list first: just then nobody else may have their addresses.
    if (endpoints.length > 0) this.#lastEndpoints = endpoints
    const all = [...new Set([...this.#answered, ...this.#lastEndpoints])].sort()
    if (all.join() === this.#told) return
    this.#told = all.join()
    this.#changed(all)
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
