/** What the admin socket answers of the agent itself, as types that the command line shares. */
import type { WatchStatus } from '@podroute/cluster/watch/resource-watch.ts'
import type { Condition } from '@podroute/feature/condition.ts'
import type { PageArgument, SummaryLine } from '@podroute/feature/page.ts'
import type { PendingChange } from '@podroute/reconcile/flush-order.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { Runs } from '../run-record.ts'

export interface StatusReport {
  readonly version: string
  readonly nodeName: string
  readonly ready: boolean
  /** Seconds since the start. */
  readonly uptime: number
  /** Resident memory in bytes. */
  readonly rss: number
  readonly runs: Runs
  readonly conditions: readonly Condition[]
  readonly apiServer: string
  readonly watches: readonly WatchStatus[]
  /** What the features say of themselves in a line each. */
  readonly summary: readonly SummaryLine[]
  readonly tables: Readonly<Record<string, TableStats>>
}

export interface PlanReport {
  readonly pending: readonly PendingChange[]
}

/** The pages of the features: `/NAME` is their data, `/NAME/tables` what people see. */
export interface PagesReport {
  readonly pages: readonly {
    readonly name: string
    readonly summary: string
    readonly arguments?: readonly PageArgument[]
    readonly follows?: boolean
  }[]
}
