// What long-lived graceful restart (RFC 9494) makes of attribute sets.
import { LLGR_STALE, NO_EXPORT } from '../packet/communities.ts'
import { internAttributes } from '../policy/engine.ts'
import { ATTRIBUTE_FLAG, type AttributeTable } from './attribute-table.ts'

/** The same attributes marked as kept for a long time (section 4.2): by that they lose to all others. */
export function markedStale(table: AttributeTable, id: number): number {
  if ((table.flags[id]! & ATTRIBUTE_FLAG.LLGR_STALE) !== 0) return id
  return changed(table, id, LLGR_STALE)
}

/** As an internal peer is told of them that knows nothing of such paths (section 4.6). */
export function loweredStale(table: AttributeTable, id: number): number {
  return changed(table, id, NO_EXPORT, { localPref: 0 })
}

function changed(
  table: AttributeTable,
  id: number,
  community: number,
  more: { localPref?: number } = {},
): number {
  const attributes = table.decode(id)
  const communities = new Set([...(attributes.communities ?? []), community])
  return internAttributes(table, { ...attributes, ...more, communities: [...communities] })
}
