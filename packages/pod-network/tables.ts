/** The tables of the pod network and the order in which they are flushed. */
import type { Family } from '@podroute/address/address.ts'
import {
  BridgeAddressResource,
  type InterfaceAddress,
} from '@podroute/kernel/addresses/bridge-address-resource.ts'
import { type FileOptions, FileResource } from '@podroute/kernel/files/file-resource.ts'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { BridgePortResource, type BridgePortSettings } from '@podroute/kernel/links/bridge-port-resource.ts'
import { BridgeResource, type BridgeSettings } from '@podroute/kernel/links/bridge-resource.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'
import type { ElementKey, SetElement } from '@podroute/kernel/nft/element.ts'
import { SetElementResource } from '@podroute/kernel/nft/element-resource.ts'
import { type ForeignRule, ForeignRuleResource } from '@podroute/kernel/nft/foreign-rule-resource.ts'
import { FormerTableResource } from '@podroute/kernel/nft/former-table.ts'
import { NftTableResource, TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { RouteResource } from '@podroute/kernel/routes/route-resource.ts'
import { SysctlResource } from '@podroute/kernel/sysctls/sysctl-resource.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import { AuditQueue } from '@podroute/reconcile/audit-queue.ts'
import type { Flushable } from '@podroute/reconcile/flush-order.ts'
import { Table, type TableOptions } from '@podroute/reconcile/table.ts'
import { isExplicitMac } from './bridge/bridge.ts'
import { FORMER_RULES, MASQUERADE_SETS, TABLE_NAME } from './egress/masquerade.ts'
import { IPTABLES_CHAINS } from './forwarding/host-chains.ts'
import { HANDOVER_TABLES } from './handover/table.ts'
import type { PodNetworkSettings } from './settings.ts'
import { SOURCE_SETS, SOURCES_TABLE } from './sources/table.ts'

/** The kernel, as far as the pod network touches it. */
export type PodNetworkKernel = Pick<
  Kernel,
  'routes' | 'nextHops' | 'links' | 'addresses' | 'nft' | 'sysctls' | 'files' | 'changes' | 'legacyForward'
>

/** Routes that agents put there. */
const OURS = { table: TABLE_MAIN, protocol: ROUTE_PROTOCOL }

/** Where on the node its things are. */
export type NodeSettings = Pick<PodNetworkSettings, 'bridge' | 'conflist' | 'cni'>

export interface PodNetworkTables {
  readonly bridge: Table<string, BridgeSettings>
  readonly ports: Table<string, BridgePortSettings>
  readonly sysctls: Table<string, string>
  readonly addresses: Table<string, InterfaceAddress>
  readonly rules: Table<typeof TABLE, NftTable>
  readonly masquerade: Table<ElementKey, SetElement>
  /** What comes out of pods' ports. */
  readonly sourceRules: Table<typeof TABLE, NftTable>
  readonly sources: Table<ElementKey, SetElement>
  /** Of chains of the host that would drop what pods send and get. */
  readonly forwarding: Table<string, ForeignRule>
  readonly routes: Table<string, Route>
  /** Of aggregates that are announced, for what is for nobody inside. */
  readonly discards: Table<string, Route>
  /** What hands connections on to a node that is left, of IPv4 and of IPv6. */
  readonly handover4: Table<typeof TABLE, NftTable>
  readonly handover6: Table<typeof TABLE, NftTable>
  readonly conflist: Table<string, string>
  /** What an earlier version left in the table that features shared. */
  readonly formerRules: Table<string, string>
}

export function createTables(
  kernel: PodNetworkKernel,
  settings: () => NodeSettings,
  options: TableOptions,
): PodNetworkTables {
  const { routes, nextHops, links, addresses, nft, sysctls, files, changes } = kernel
  // Pods hang on the bridge: its name stays what it is at the start.
  const { bridge } = settings()
  const audits = new AuditQueue()
  const sourceRules = new Table(
    new NftTableResource(nft, SOURCES_TABLE, {
      name: 'source-rules',
      made: () => audits.ask(sources),
    }),
    options,
  )
  // Without the table nothing can be in it: its own error says why.
  const blocked = () => sourceRules.acknowledged(TABLE) === undefined
  const sources: PodNetworkTables['sources'] = new Table(
    new SetElementResource(nft, SOURCES_TABLE, SOURCE_SETS, 'source-elements'),
    { ...options, blocked },
  )
  const masquerade = new Table(new SetElementResource(nft, TABLE_NAME, MASQUERADE_SETS), options)
  const rules = new NftTableResource(nft, TABLE_NAME, { made: () => audits.ask(masquerade) })
  const handover = (family: Family) =>
    new Table(new NftTableResource(nft, HANDOVER_TABLES[family], { name: `handover-${family}` }), options)
  return {
    bridge: new Table(new BridgeResource(links, { name: bridge, isExplicitMac, changes }), options),
    ports: new Table(new BridgePortResource(links, { bridge, kind: 'veth' }), options),
    sysctls: new Table(new SysctlResource(sysctls), options),
    addresses: new Table(new BridgeAddressResource(links, addresses, { bridge, changes }), options),
    rules: new Table(rules, options),
    masquerade,
    sourceRules,
    sources,
    forwarding: new Table(new ForeignRuleResource(nft, IPTABLES_CHAINS), options),
    routes: new Table(new RouteResource(routes, { ...OURS, type: 'unicast', changes, nextHops }), options),
    discards: new Table(
      new RouteResource(routes, { ...OURS, type: 'blackhole', changes }, 'discards'),
      options,
    ),
    handover4: handover(4),
    handover6: handover(6),
    conflist: new Table(new FileResource(files, conflistFile(settings)), options),
    formerRules: new Table(new FormerTableResource(nft, FORMER_RULES), options),
  }
}

/** Runtimes and their tools read it as other users. They take .conf, .conflist and .json: what is written beside it they leave alone. */
function conflistFile(settings: () => NodeSettings): FileOptions {
  return { name: 'conflist', mode: 0o644, path: () => settings().conflist }
}

/** What others build on comes first; what tells the world that the node works comes last, after what BGP holds. */
export function flushOrder(t: PodNetworkTables, bgp: readonly Flushable[]): readonly Flushable[] {
  return [
    t.bridge,
    t.ports,
    t.sysctls,
    t.addresses,
    t.rules,
    t.masquerade,
    t.sourceRules,
    t.sources,
    t.forwarding,
    t.routes,
    t.discards,
    t.handover4,
    t.handover6,
    ...bgp,
    t.conflist,
    t.formerRules,
  ]
}

/** What somebody else changes of the rules is audited at once; where announcements were lost, so is all that would have been announced. */
export function watchRules({ changes }: PodNetworkKernel, tables: PodNetworkTables): Disposable {
  const audits = new AuditQueue()
  const { bridge, ports, addresses, routes, discards, rules, masquerade, sourceRules, sources } = tables
  const { handover4, handover6 } = tables
  return changes.subscribe({
    onTable(table) {
      if (table === `inet ${TABLE_NAME}`) audits.ask(rules, masquerade)
      if (table === SOURCES_TABLE) audits.ask(sourceRules, sources)
      if (table === HANDOVER_TABLES[4]) audits.ask(handover4)
      if (table === HANDOVER_TABLES[6]) audits.ask(handover6)
    },
    onOverrun: () => {
      audits.ask(bridge, ports, addresses, routes, discards)
      audits.ask(rules, masquerade, sourceRules, sources, handover4, handover6)
    },
  })
}
