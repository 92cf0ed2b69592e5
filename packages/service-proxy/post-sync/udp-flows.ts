/**
 * UDP has no connections that end, so a client would go on sending to an endpoint that is gone for as long as connection tracking
 * remembers it. After a Service lost an endpoint, got its first one or went, the flows that lead to none of its endpoints are forgotten.
 */

import type { Family } from '@podroute/address/address.ts'
import type { ServerKey } from '@podroute/kernel/ipvs/keys.ts'
import type { FlowsApi } from '@podroute/kernel/kernel.ts'
import type { Frontend } from '../plan/frontend.ts'

interface UdpService {
  readonly family: Family
  readonly address: string
  readonly port: number
  /** Endpoints by the virtual server that leads to them: clients outside the cluster may have one of their own. */
  readonly servers: Map<ServerKey, ReadonlySet<string>>
}

/** Above this many addresses one look at all flows costs less than one for each. */
const MOST_SINGLE_LOOKS = 4

export class UdpFlows {
  readonly #services = new Map<string, UdpService>()
  /** Those that are gone, too: nobody else knows their flows. */
  readonly #stale = new Map<string, UdpService>()

  /** A frontend that holds its address came, changed or went; others than those for UDP are none of our business. */
  change(before: Frontend | undefined, after: Frontend | undefined): void {
    const frontend = after ?? before
    if (frontend?.protocol !== 'udp') return
    const name = `${frontend.address} ${frontend.port}`
    const service = this.#services.get(name) ?? makeUdpService(frontend)
    const known = service.servers.get(frontend.key)
    const endpoints = new Set(after?.destinations.map(({ address, port }) => `${address} ${port}`))
    if (after) service.servers.set(frontend.key, endpoints)
    else service.servers.delete(frontend.key)
    if (service.servers.size > 0) this.#services.set(name, service)
    else this.#services.delete(name)
    const lost = known !== undefined && [...known].some((endpoint) => !endpoints.has(endpoint))
    const first = (known?.size ?? 0) === 0 && endpoints.size > 0
    if (lost || first) this.#stale.set(name, service)
  }

  /** To be called once the kernel knows the endpoints. Returns how many flows were forgotten. @throws what `flows` throws */
  async clean(flows: FlowsApi): Promise<number> {
    const stale = new Map(
      [...this.#stale].map(([name, service]) => [name, this.#services.get(name) ?? service]),
    )
    this.#stale.clear()
    if (stale.size > MOST_SINGLE_LOOKS) return cleanAll(flows, stale)
    let forgotten = 0
    for (const service of stale.values()) {
      const { family, address: destination, port: destinationPort } = service
      const filter = { family, protocol: 'udp', destination, destinationPort } as const
      forgotten += await flows.remove(filter, ({ reply }) => !leadsTo(service, reply))
    }
    return forgotten
  }
}

async function cleanAll(flows: FlowsApi, stale: ReadonlyMap<string, UdpService>): Promise<number> {
  let forgotten = 0
  for (const family of new Set([...stale.values()].map((service) => service.family))) {
    forgotten += await flows.remove({ family, protocol: 'udp' }, ({ original, reply }) => {
      const service = stale.get(`${original.destination} ${original.destinationPort}`)
      return service !== undefined && !leadsTo(service, reply)
    })
  }
  return forgotten
}

function makeUdpService({ server, address, port }: Frontend): UdpService {
  return { family: server.family, address, port, servers: new Map() }
}

function leadsTo(
  { servers }: UdpService,
  reply: { readonly source: string; readonly sourcePort: number },
): boolean {
  const endpoint = `${reply.source} ${reply.sourcePort}`
  return [...servers.values()].some((endpoints) => endpoints.has(endpoint))
}
