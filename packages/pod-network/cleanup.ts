/** Takes away what makes the node part of the pod network. */
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Flushable } from '@podroute/reconcile/flush-order.ts'
import type { BgpTables } from './bgp/tables.ts'
import { PodNetworkError } from './errors.ts'
import type { PodNetworkTables } from './tables.ts'

export interface CleanupInput {
  readonly tables: PodNetworkTables & BgpTables
  /** Whether somebody is to be told what is withdrawn. */
  readonly hasSessions: boolean
  readonly clock: Pick<Clock, 'after'>
}

/** The speaker sends what it withdraws within a tenth of a second. */
const TELL_FOR = 200

/**
 * The CNI configuration, announcements and sessions, learned routes and masquerading go. The bridge and its switches stay: the pods that
 * run hang on it. May be called again after it failed. @throws PodNetworkError (left-behind)
 */
export async function cleanUp({ tables, hasSessions, clock }: CleanupInput): Promise<void> {
  const { conflist, announcements, peers, instance, routes, masquerade, rules, forwarding, formerRules } =
    tables
  const { sources, sourceRules, discards, handover4, handover6 } = tables
  await remove(conflist, announcements, handover4, handover6)
  // A peer that is not told would keep this node's routes when the session ends, as over a restart (RFC 4724).
  if (hasSessions) await new Promise<void>((resolve) => void clock.after(TELL_FOR, resolve))
  await remove(peers, instance, routes, discards, masquerade, rules, forwarding, formerRules)
  await remove(sources, sourceRules)
}

async function remove(...tables: readonly Flushable[]): Promise<void> {
  for (const table of tables) {
    await table.clear()
    for (const [key, { message }] of table.failures())
      throw new PodNetworkError('left-behind', `${table.name} ${key}: ${message}`)
  }
}
