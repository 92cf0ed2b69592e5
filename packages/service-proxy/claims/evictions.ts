/**
 * What an earlier run left at addresses that are reserved now. It goes before the first sync, and not after it: that sync may need the
 * API server, which is out of reach for as long as its address is a local one.
 */
import type { PlanContext } from '../plan/context.ts'
import type { ProxyTables } from '../tables.ts'

type EvictedTables = Pick<ProxyTables, 'vips' | 'servers' | 'destinations' | 'affinities' | 'elements'>

/** Returns how many addresses it was. What may be a ClusterIP stays: only the sync tells. */
export function evict(tables: EvictedTables, { reservedAddresses }: PlanContext): number {
  const doomed = (address: string) => reservedAddresses.get(address)?.mayBeClusterIP === false
  const { vips, servers, destinations, affinities, elements } = tables
  let count = 0
  for (const [address] of vips.unwanted()) {
    if (!doomed(address)) continue
    vips.delete(address)
    count++
  }
  for (const [key, { server }] of destinations.unwanted())
    if (doomed(server.address)) destinations.delete(key)
  for (const [key, { element }] of elements.unwanted()) if (doomed(addressOf(element))) elements.delete(key)
  for (const [key, { address }] of affinities.unwanted()) if (doomed(address)) affinities.delete(key)
  for (const [key, { address }] of servers.unwanted()) if (doomed(address)) servers.delete(key)
  return count
}

/** The first field of an element, which in sets by Service is the address. */
function addressOf(element: string): string {
  const end = element.indexOf(' ')
  return end < 0 ? element : element.slice(0, end)
}
