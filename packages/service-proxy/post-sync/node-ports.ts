/** NodePorts on which a process of the node listens as well: IPVS takes their traffic, and nothing tells the process. */

import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { BoundPort } from '@podroute/kernel/sockets.ts'
import { problemOf } from '../plan/plan.ts'
import type { Problem } from '../types.ts'

export class NodePorts {
  readonly #known = new Map<ServiceKey, string>()
  readonly #unchecked = new Map<ServiceKey, Service>()

  /** A Service was planned. */
  note(key: ServiceKey, service: Service | undefined): void {
    const ports = service?.ports.flatMap(({ protocol, nodePort }) =>
      nodePort ? `${protocol} ${nodePort}` : [],
    )
    const text = ports?.join() ?? ''
    if (text === (this.#known.get(key) ?? '')) return
    if (text === '') this.#known.delete(key)
    else this.#known.set(key, text)
    if (service) this.#unchecked.set(key, service)
    else this.#unchecked.delete(key)
  }

  /** What is wrong with those that came or changed; nobody is asked where none did. */
  async check(
    bound: () => Promise<ReadonlySet<BoundPort>>,
  ): Promise<ReadonlyMap<ServiceKey, readonly Problem[]>> {
    const found = new Map<ServiceKey, readonly Problem[]>()
    if (this.#unchecked.size === 0) return found
    const services = [...this.#unchecked.values()]
    this.#unchecked.clear()
    const taken = await bound()
    for (const service of services) {
      const clashes = service.ports.filter(
        ({ protocol, nodePort }) => nodePort && taken.has(`${protocol} ${nodePort}` as BoundPort),
      )
      const problems = clashes.map(({ protocol, nodePort }) =>
        problemOf(service, 'PORT_IN_USE', `NodePort ${nodePort}/${protocol}`),
      )
      found.set(service.key, problems)
    }
    return found
  }
}
