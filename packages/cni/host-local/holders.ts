// Who holds the addresses of a range: for the error of an exhausted one, for STATUS, and for GC.

import { formatAddress } from '../protocol/address.ts'
import type { Fields } from '../protocol/fields.ts'
import type { Lease, Owner } from './lease.ts'
import { candidates, type RangeSet, rangeFor } from './ranges.ts'

const LARGEST_HOLDERS = 5

/** '250 leases: c1 2, c2 1, … ; 1 without owner'. */
export function describeHolders(leases: readonly Lease[], set: RangeSet): string {
  const inside = leases.filter((lease) => rangeFor(set, lease.address) !== undefined)
  const counts = new Map<string, number>()
  let orphans = 0
  for (const { owner } of inside) {
    if (owner === undefined) orphans++
    else counts.set(owner.containerId, (counts.get(owner.containerId) ?? 0) + 1)
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  const named = sorted.slice(0, LARGEST_HOLDERS).map(([id, count]) => `${id} ${count}`)
  if (sorted.length > LARGEST_HOLDERS) named.push(`${sorted.length - LARGEST_HOLDERS} more containers`)
  if (orphans > 0) named.push(`${orphans} without owner`)
  return `${inside.length} leases: ${named.join(', ')}`
}

/** Whether no address of the set is free; looks at no more addresses than there are leases. */
export function isExhausted(leases: readonly Lease[], set: RangeSet): boolean {
  const taken = new Set(leases.map((lease) => formatAddress(lease.address)))
  for (const { address } of candidates(set, undefined)) if (!taken.has(formatAddress(address))) return false
  return true
}

/** The `cni.dev/valid-attachments` of a GC call. */
export function validAttachments(config: Fields): Owner[] {
  return config.objects('cni.dev/valid-attachments').map((fields) => ({
    containerId: fields.text('containerID') ?? '',
    interfaceName: fields.text('ifname') ?? '',
  }))
}

/** Leases whose owners are not among the valid attachments, and those whose file names no owner. */
export function staleLeases(leases: readonly Lease[], config: Fields): Lease[] {
  const valid = new Set<string>()
  for (const { containerId, interfaceName } of validAttachments(config)) {
    valid.add(`${containerId}@${interfaceName}`)
    valid.add(`${containerId}@`) // old files name the container only
  }
  return leases.filter(
    ({ owner }) => owner === undefined || !valid.has(`${owner.containerId}@${owner.interfaceName}`),
  )
}
