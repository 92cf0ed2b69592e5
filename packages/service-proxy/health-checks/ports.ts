/** Which Service has which health-check node port: of several that ask for one the oldest. */
import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import { Claims } from '@podroute/reconcile/claims.ts'
import type { WantedKey } from '@podroute/reconcile/status.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import { type Dated, olderFirst } from '../claims/older-first.ts'
import type { HealthCheck } from '../plan/health-check.ts'

interface PortClaim extends Dated {
  readonly check: HealthCheck
}

export class HealthCheckPorts {
  readonly #table: Table<string, HealthCheck>
  readonly #claims: Claims<ServiceKey, string, PortClaim>
  #changed = false

  constructor(table: Table<string, HealthCheck>) {
    this.#table = table
    const sink = {
      set: (port: string, { check }: PortClaim) => {
        this.#changed = true
        table.set(port, check)
      },
      delete: (port: string) => {
        this.#changed = true
        table.delete(port)
      },
    }
    this.#claims = new Claims<ServiceKey, string, PortClaim>(sink, {
      precedes: olderFirst,
      equal: (a, b) => table.resource.equal(a.check, b.check),
    })
  }

  /** Returns whether a port is another one's now, or answers something else. */
  replace({ key, created }: Pick<Service, 'key' | 'created'>, check: HealthCheck | undefined): boolean {
    this.#changed = false
    this.#claims.replace(key, check ? [[String(check.port), { created, check }]] : [])
    return this.#changed
  }

  *wants(service: ServiceKey): Iterable<WantedKey> {
    for (const key of this.#claims.keysOf(service)) {
      if (this.#claims.winner(key)?.owner === service) yield { table: this.#table, key }
    }
  }
}
