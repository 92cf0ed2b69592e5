/** The fake kernel as tests of the service proxy look at it: the tables that the proxy writes. */
import type { Route } from '@podroute/kernel/kernel.ts'
import { TABLE_LOCAL } from '@podroute/kernel/routes/local-route-resource.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { TABLE } from '../rules/sets.ts'

export class FakeProxyKernel extends FakeKernel {
  readonly table = this.ipvs.virtualServers
  readonly connections = this.ipvs.connections
  readonly missingSchedulers = this.ipvs.missingSchedulers

  get hasIpvs(): boolean {
    return this.ipvs.present
  }

  set hasIpvs(present: boolean) {
    this.ipvs.present = present
  }

  /** VIPs, by prefix. */
  get routeTable(): ReadonlyMap<string, Route> {
    return this.routes.of(TABLE_LOCAL)
  }

  removeRoute(destination: string): void {
    this.routes.lose(TABLE_LOCAL, destination)
  }

  /** Destinations that take connections, as `address:port`, sorted. */
  endpoints(key: string): string[] | undefined {
    const there = this.table.get(key)
    const open = [...(there?.destinations.values() ?? [])].filter(({ weight }) => weight > 0)
    return there && open.map(({ address, port }) => `${address}:${port}`).sort()
  }

  /** Those that take no new connections. */
  draining(key: string): string[] {
    const quiet = [...(this.table.get(key)?.destinations.values() ?? [])].filter(({ weight }) => weight === 0)
    return quiet.map(({ address, port }) => `${address}:${port}`).sort()
  }

  /** Elements by set of the proxy's table, in nft syntax. */
  get sets(): ReadonlyMap<string, Set<string>> {
    const sets = this.nft.tables.get(TABLE)?.sets ?? new Map()
    return new Map([...sets].map(([name, { elements }]) => [name, elements]))
  }

  get scripts(): string[] {
    return this.nft.scripts
  }

  elements(set: string): string[] {
    return [...(this.sets.get(set) ?? [])].sort()
  }
}
