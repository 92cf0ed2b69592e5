/** The virtual addresses of all Services: no learned route may lead to one of them. */

import { addressOf } from '@podroute/cluster/objects/fields.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'

export class VipSet {
  readonly #byService = new Map<string, readonly string[]>()
  readonly #uses = new Map<string, number>()

  has(address: string): boolean {
    return this.#uses.has(address)
  }

  set(key: string, { spec, status }: ServiceObject): void {
    const ingress = status?.loadBalancer?.ingress?.map((entry) => entry.ip) ?? []
    const all = [...(spec?.clusterIPs ?? [spec?.clusterIP]), ...(spec?.externalIPs ?? []), ...ingress]
    // As routes write them: externalIPs stand there as somebody typed them.
    const addresses: string[] = []
    for (const text of all) {
      const address = text === 'None' ? undefined : addressOf(text)
      if (address !== undefined) addresses.push(address)
    }
    for (const address of addresses) this.#uses.set(address, (this.#uses.get(address) ?? 0) + 1)
    this.delete(key)
    this.#byService.set(key, addresses.slice())
  }

  delete(key: string): void {
    for (const address of this.#byService.get(key) ?? []) {
      const uses = (this.#uses.get(address) ?? 1) - 1
      if (uses > 0) this.#uses.set(address, uses)
      else this.#uses.delete(address)
    }
    this.#byService.delete(key)
  }
}
