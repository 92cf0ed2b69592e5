/** The tables of the proxy and the order in which they are flushed. */

import type { LeftBehind } from '@podroute/feature/feature.ts'
import { isLeftOver } from '@podroute/kernel/addresses/host-addresses.ts'
import type { ServerDestination } from '@podroute/kernel/ipvs/destination-resource.ts'
import { DestinationResource } from '@podroute/kernel/ipvs/destination-resource.ts'
import type { DestinationKey } from '@podroute/kernel/ipvs/keys.ts'
import { VirtualServerResource } from '@podroute/kernel/ipvs/virtual-server-resource.ts'
import type { Route } from '@podroute/kernel/kernel.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'
import { SetElementResource, touchSets } from '@podroute/kernel/nft/element-resource.ts'
import { FormerTableResource } from '@podroute/kernel/nft/former-table.ts'
import { NftTableResource, type TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { LocalRouteResource, localRouteOf } from '@podroute/kernel/routes/local-route-resource.ts'
import { SysctlResource } from '@podroute/kernel/sysctls/sysctl-resource.ts'
import { AuditQueue } from '@podroute/reconcile/audit-queue.ts'
import { type Flushable, FlushGroup } from '@podroute/reconcile/flush-order.ts'
import type { TableOptions } from '@podroute/reconcile/table.ts'
import { Table } from '@podroute/reconcile/table.ts'
import type { FrontendTables } from './claims/frontends.ts'
import { HealthChecks } from './health-checks/health-check-resource.ts'
import { hasIpvs } from './modules.ts'
import type { HealthCheck } from './plan/health-check.ts'
import type { ProxyKernel } from './proxy-kernel.ts'
import { FORMER_RULES, TABLE as PROXY_TABLE, SETS, TABLE_NAME } from './rules/sets.ts'
import { ShortAffinities } from './rules/short-affinities.ts'
import { isOfAffinity } from './rules/table.ts'
import { OPTIONAL_SYSCTLS, SYSCTLS } from './settings.ts'

export interface ProxyTables extends FrontendTables {
  readonly sysctls: Table<string, string>
  readonly rules: Table<typeof TABLE, NftTable>
  /** What an earlier version left in the table that features shared. */
  readonly formerRules: Table<string, string>
  readonly destinations: Table<DestinationKey, ServerDestination>
  readonly healthChecks: Table<string, HealthCheck>
}

/**
 * @param healthy what the proxy says of itself to those who ask a health-check node port
 * @param takeOver whether virtual servers of others become ours
 */
export function makeTables(
  kernel: ProxyKernel,
  options: TableOptions,
  healthy: () => boolean,
  takeOver: () => boolean,
): ProxyTables & AsyncDisposable {
  const healthChecks = new HealthChecks((port, answer) => kernel.listen(port, answer), healthy)
  const servers = new Table(new VirtualServerResource(kernel.ipvs, takeOver), options)
  const destinations = new DestinationResource(kernel.ipvs, {
    inPlace: (key) => servers.acknowledged(key),
    missing: (key) => servers.touch(key),
  })
  const affinities = new Table(new ShortAffinities(kernel.nft), options)
  const elements = new Table(new SetElementResource(kernel.nft, TABLE_NAME, SETS), options)
  const made = (sets: ReadonlySet<string>) => {
    touchSets(elements, sets)
    for (const key of affinities.desired().keys()) affinities.touch(key)
  }
  return {
    sysctls: new Table(
      new SysctlResource(kernel.sysctls, Object.keys({ ...SYSCTLS, ...OPTIONAL_SYSCTLS })),
      options,
    ),
    rules: new Table(
      new NftTableResource(kernel.nft, TABLE_NAME, { isForOneObject: isOfAffinity, made }),
      options,
    ),
    formerRules: new Table(new FormerTableResource(kernel.nft, FORMER_RULES), options),
    servers,
    destinations: new Table(destinations, options),
    affinities,
    elements,
    vips: new Table(new LocalRouteResource(kernel.routes, 'vips', ofLeftOver(kernel)), options),
    healthChecks: new Table(healthChecks, options),
    [Symbol.asyncDispose]: () => healthChecks[Symbol.asyncDispose](),
  }
}

/** The route of an address that another service proxy left behind gives way; that of an address of the node does not. */
function ofLeftOver({ links }: ProxyKernel): (route: Route) => Promise<boolean> {
  return async ({ interfaceIndex }) => {
    const link = interfaceIndex === undefined ? undefined : await links.get(interfaceIndex)
    return link !== undefined && isLeftOver(link)
  }
}

/**
 * Clients find an address last, when everything behind it is in place, and an endpoint only when the elements are there that
 * its traffic needs: a first packet without masquerade makes a flow that never works.
 */
export function flushOrder(tables: ProxyTables): readonly Flushable[] {
  const { sysctls, rules, servers, affinities, elements, destinations, vips, healthChecks, formerRules } =
    tables
  return [sysctls, rules, servers, affinities, elements, destinations, vips, healthChecks, formerRules]
}

/** What there may be of ours in a kernel without IPVS. */
export function groupWithoutIpvs(tables: ProxyTables, options: TableOptions): FlushGroup {
  const ofIpvs: readonly Flushable[] = [tables.sysctls, tables.servers, tables.destinations]
  return new FlushGroup(
    flushOrder(tables).filter((table) => !ofIpvs.includes(table)),
    options,
  )
}

/** What agents have left of Services on a node: what clients find goes first, what others build on last. */
export async function leftBehind(kernel: ProxyKernel): Promise<LeftBehind> {
  const tables = makeTables(
    kernel,
    {},
    () => true,
    () => false,
  )
  // Settings are put back by the agent, which knows what they were; health checks end with it.
  const others: Flushable[] = [tables.sysctls, tables.healthChecks]
  if (!(await hasIpvs(kernel))) others.push(tables.servers, tables.destinations)
  return {
    tables: flushOrder(tables)
      .filter((table) => !others.includes(table))
      .toReversed(),
  }
}

/** VIPs and nftables announce their changes: what somebody else changes is audited at once. */
export function watchKernel(kernel: ProxyKernel, tables: ProxyTables, onAddresses: () => void): Disposable {
  const audits = new AuditQueue()
  return kernel.changes.subscribe({
    onRoute(change, route) {
      const vip = localRouteOf(route)
      if (!vip) return
      const observation =
        change === 'add' ? ({ kind: 'present', value: vip } as const) : ({ kind: 'absent' } as const)
      tables.vips.touch(vip.address, observation)
    },
    onAddress: onAddresses,
    onTable(table) {
      if (table === PROXY_TABLE) audits.ask(tables.rules, tables.affinities, tables.elements)
    },
    onOverrun() {
      onAddresses()
      audits.ask(tables.vips, tables.rules, tables.affinities, tables.elements)
    },
  })
}
