/** The tables of network policy and the order in which they are flushed. */
import type { Kernel } from '@podroute/kernel/kernel.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'
import type { ElementKey, SetElement } from '@podroute/kernel/nft/element.ts'
import { touchSets } from '@podroute/kernel/nft/element-resource.ts'
import { NftTableResource, type TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { SysctlResource } from '@podroute/kernel/sysctls/sysctl-resource.ts'
import { AuditQueue } from '@podroute/reconcile/audit-queue.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { Table, type TableOptions } from '@podroute/reconcile/table.ts'
import type { PolicyChain } from '../compile/chain.ts'
import { PolicyChainResource } from './chain-resource.ts'
import { PolicyElementResource } from './element-resource.ts'
import { PolicySetResource, type SetDeclaration } from './set-resource.ts'
import { isOfPolicies, TABLE_NAME } from './table.ts'
import { turnClock } from './turn-clock.ts'

export type PolicyKernel = Pick<
  Kernel,
  | 'nft'
  | 'changes'
  | 'sysctls'
  | 'loadModules'
  | 'files'
  | 'serveLines'
  | 'flows'
  | 'hostAddresses'
  | 'watchPackets'
>

/** Traffic between pods on one bridge is seen by no chain without these; they come with br_netfilter. */
const BRIDGE_SYSCTLS = ['net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables']
export const BRIDGE_MODULE = 'br_netfilter'

export interface PolicyTables {
  readonly sysctls: Table<string, string>
  readonly rules: Table<typeof TABLE, NftTable>
  readonly sets: Table<string, SetDeclaration>
  readonly chains: Table<string, PolicyChain>
  /** Who is in the sets, and which chain judges the packets of a pod. */
  readonly elements: Table<ElementKey, SetElement>
}

export function makeTables({ nft: kernelNft, sysctls }: PolicyKernel, given: TableOptions): PolicyTables {
  const options = { ...given, clock: turnClock(given.clock ?? systemClock) }
  const { foreignRevision } = kernelNft
  // What of the table is ours to keep is changed by us alone: an audit is for what others do.
  const nft = foreignRevision ? { ...kernelNft, revision: () => foreignRevision() } : kernelNft
  const sets = new Table(new PolicySetResource(nft), options)
  const chains = new Table(new PolicyChainResource(nft), options)
  // All at once: which of them comes last is the resource's to say.
  const elements = new Table(new PolicyElementResource(nft), {
    ...options,
    batchSize: Number.POSITIVE_INFINITY,
  })
  const rules = new NftTableResource(nft, TABLE_NAME, {
    isForOneObject: isOfPolicies,
    // Where the table is a new one all else is gone, too.
    made(names) {
      touchSets(elements, names)
      for (const table of [sets, chains, elements])
        for (const key of table.desired().keys()) if (table.acknowledged(key) !== undefined) table.touch(key)
    },
  })
  return {
    sysctls: new Table(new SysctlResource(sysctls), options),
    rules: new Table(rules, options),
    ...{ sets, chains, elements },
  }
}

/** A pod's packets find their chain last, when all that its rules refer to is there; who is in its sets comes with the way to it. */
export function flushOrder({ sysctls, rules, sets, chains, elements }: PolicyTables) {
  return [sysctls, rules, sets, chains, elements]
}

/** Returns those that this kernel does not have. */
export function wantBridgedPackets({ sysctls }: PolicyKernel, tables: PolicyTables): readonly string[] {
  const missing = BRIDGE_SYSCTLS.filter((name) => sysctls.read(name) === undefined)
  for (const name of BRIDGE_SYSCTLS) if (!missing.includes(name)) tables.sysctls.set(name, '1')
  return missing
}

const LOG_MODULES = ['nfnetlink_log', 'nft_log']
/** Is there where the kernel can hand packets to a process. */
const LOG_FILE = '/proc/net/netfilter/nfnetlink_log'

export async function logsPackets(kernel: PolicyKernel): Promise<boolean> {
  await kernel.loadModules(LOG_MODULES)
  return (await kernel.files.read(LOG_FILE).catch(() => undefined)) !== undefined
}

/** What somebody else changes is audited at once. */
export function watchKernel({ changes }: PolicyKernel, tables: PolicyTables): Disposable {
  const audits = new AuditQueue()
  return changes.subscribe({
    onTable(table) {
      if (table === `inet ${TABLE_NAME}`) audits.ask(...flushOrder(tables))
    },
    onOverrun() {
      audits.ask(...flushOrder(tables))
    },
  })
}
