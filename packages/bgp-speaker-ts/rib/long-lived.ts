// Attribute sets of long-lived stale paths (RFC 9494).
import { LLGR_STALE, NO_EXPORT } from '../packet/communities.ts'
import { internAttributes } from '../policy/engine.ts'
import { ATTRIBUTE_FLAG, type AttributeTable } from './attribute-table.ts'

/** Returns the attributes with LLGR_STALE, by which they lose to all others (section 4.2). */
export function markedStale(table: AttributeTable, id: number): number {
  if ((table.flags[id]! & ATTRIBUTE_FLAG.LLGR_STALE) !== 0) return id
  return changed(table, id, LLGR_STALE)
}

/** Returns the attributes for an internal peer without the capability: LOCAL_PREF 0 and NO_EXPORT (section 4.6). */
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
