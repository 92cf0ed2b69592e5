// host-local: gives out addresses of configured ranges, remembered in files on this host.

import { CniError, ErrorCode, failure, messageOf } from '../errors.ts'
import { type Address, formatAddress, sameAddress } from '../protocol/address.ts'
import type { Invocation } from '../protocol/invocation.ts'
import type { Plugin } from '../protocol/plugin.ts'
import type { IpConfig, Result } from '../protocol/result.ts'
import type { System } from '../system.ts'
import { type HostLocalConfig, readConfig, readLeaseSettings } from './configuration.ts'
import { describeHolders, isExhausted, staleLeases } from './holders.ts'
import type { Owner } from './lease.ts'
import {
  type Candidate,
  candidates,
  checkGateways,
  formatRangeSet,
  type RangeSet,
  rangeFor,
} from './ranges.ts'
import { parseResolvConf } from './resolv-conf.ts'
import { Store } from './store.ts'

const ownerOf = (invocation: Invocation): Owner => ({
  containerId: invocation.containerId,
  interfaceName: invocation.interfaceName,
})

/** Of one range set: the candidate that was reserved. */
function allocate(
  store: Store,
  owner: Owner,
  set: RangeSet,
  index: number,
  requested: Address | undefined,
): Candidate {
  if (requested === undefined) {
    const reserved = store.reserve(owner, candidates(set, store.lastReserved(index)), index)
    if (reserved !== undefined) return reserved
    const message = `no IP addresses available in range set: ${formatRangeSet(set)}`
    throw new CniError(ErrorCode.internal, message, describeHolders(store.leases(), set))
  }
  const range = rangeFor(set, requested)!
  if (sameAddress(requested, range.gateway))
    throw failure(`requested ip ${formatAddress(requested)} is subnet's gateway`)
  const reserved = store.reserve(owner, [{ address: requested, range }], index)
  if (reserved !== undefined) return reserved
  throw failure(
    `requested IP address ${formatAddress(requested)} is not available in range set ${formatRangeSet(set)}`,
  )
}

/** The specification lets a container's interface be added once: a second time is an error. */
function checkNotAllocated(store: Store, owner: Owner, config: HostLocalConfig): void {
  for (const address of store.indexed(owner))
    if (config.rangeSets.some((set) => rangeFor(set, address) !== undefined))
      throw failure(
        `${formatAddress(address)} has been allocated to ${owner.containerId}, duplicate allocation is not allowed`,
      )
}

/** One address from each set, or an error and none. */
function allocateAll(store: Store, owner: Owner, config: HostLocalConfig): Candidate[] {
  const requested = [...config.requested]
  const reserved: Candidate[] = []
  try {
    config.rangeSets.forEach((set, index) => {
      const at = requested.findIndex((address) => rangeFor(set, address) !== undefined)
      const wanted = at < 0 ? undefined : requested.splice(at, 1)[0]
      reserved.push(withRange(index, () => allocate(store, owner, set, index, wanted)))
    })
    if (requested.length > 0)
      throw failure(`failed to allocate all requested IPs: ${requested.map(formatAddress).join(' ')}`)
    store.record(
      owner,
      reserved.map(({ address }) => address),
    )
    return reserved
  } catch (error) {
    for (const { address } of reserved) store.removeLease(address)
    throw error
  }
}

function withRange<T>(index: number, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const details = error instanceof CniError ? error.details : undefined
    const message = `failed to allocate for range ${index}: ${messageOf(error)}`
    throw new CniError(ErrorCode.internal, message, details)
  }
}

const ipConfig = ({ address, range }: Candidate): IpConfig => ({
  address: { address, length: range.subnet.length },
  gateway: range.gateway,
})

function withStore<T>(store: Store, work: () => T): T {
  try {
    return work()
  } finally {
    store.close()
  }
}

function add(system: System, invocation: Invocation): Result {
  const config = readConfig(invocation)
  checkGateways(config.rangeSets)
  const dns = config.resolvConf === '' ? {} : parseResolvConf(system.readFile(config.resolvConf))
  const owner = ownerOf(invocation)
  const store = Store.open(system, config.leases)
  const reserved = withStore(store, () => {
    store.reclaimFormer()
    checkNotAllocated(store, owner, config)
    return allocateAll(store, owner, config)
  })
  return { interfaces: [], ips: reserved.map(ipConfig), routes: config.routes, dns }
}

function del(system: System, invocation: Invocation): void {
  const store = Store.find(system, readLeaseSettings(invocation))
  if (store !== undefined) withStore(store, () => store.release(ownerOf(invocation)))
}

function check(system: System, invocation: Invocation): void {
  const { leases } = readConfig(invocation)
  const store = Store.find(system, leases)
  const found = store && withStore(store, () => store.holds(ownerOf(invocation)))
  if (!found) throw failure(`host-local: Failed to find address added by container ${invocation.containerId}`)
}

/** Releases the addresses that no valid attachment holds, and those without an owner. */
function gc(system: System, invocation: Invocation): void {
  const { leases } = readConfig(invocation)
  const store = Store.find(system, leases)
  if (store === undefined) return
  withStore(store, () => {
    for (const lease of staleLeases(store.leases(), invocation.config)) store.remove(lease)
  })
}

function status(system: System, invocation: Invocation): void {
  const config = readConfig(invocation)
  checkGateways(config.rangeSets)
  const store = Store.find(system, config.leases)
  if (store === undefined) return
  const leases = withStore(store, () => {
    store.reclaimFormer()
    return store.leases().filter((lease) => !store.isReclaimable(lease))
  })
  const full = config.rangeSets.find((set) => isExhausted(leases, set))
  if (full !== undefined)
    throw new CniError(
      ErrorCode.pluginNotAvailable,
      `no IP addresses available in range set: ${formatRangeSet(full)}`,
      describeHolders(leases, full),
    )
}

export const hostLocal: Plugin = { name: 'host-local', add, del, check, gc, status }
