/** Which Service has which health-check node port. */
import type { Table } from '@podroute/reconcile/table.ts'
import type { HealthCheck } from '../plan/health-check.ts'
import type { ServiceKey } from '../types.ts'

export class HealthCheckPorts {
  readonly #table: Table<string, HealthCheck>
  readonly #checks = new Map<ServiceKey, HealthCheck>()

  constructor(table: Table<string, HealthCheck>) {
    this.#table = table
  }

  replace(service: ServiceKey, check: HealthCheck | undefined): void {
    const before = this.#checks.get(service)
    if (check) {
      this.#checks.set(service, check)
      this.#table.set(String(check.port), check)
    } else {
      this.#checks.delete(service)
    }
    // The port of a Service that went may belong to another by now.
    if (before && before.port !== check?.port && this.#holds(before)) this.#table.delete(String(before.port))
  }

  #holds({ port, namespace, name }: HealthCheck): boolean {
    const there = this.#table.get(String(port))
    return there?.namespace === namespace && there.name === name
  }
}
