// Configurations that the suites start from.

import type { World } from './world.ts'

export const NETWORK = 'testnet'
export const BRIDGE = 'test0'
export const V4 = { subnet: '10.77.0.0/24' }
export const V6 = { subnet: 'fd77::/64' }

/** The lease directory of the network. */
export const leases = (world: World) => `${world.data}/${NETWORK}`

/** Lease files without the bookkeeping. */
export const leasedAddresses = (world: World) =>
  world
    .list(leases(world))
    .filter((name) => name !== 'lock' && !name.startsWith('last_reserved_ip.'))
    .sort()

export const hostLocalIpam = (world: World, changes: object = {}) => ({
  type: 'host-local',
  dataDir: world.data,
  ranges: [[V4]],
  ...changes,
})

export const dualStack = { ranges: [[V4], [V6]] }

export const bridgeConfig = (world: World, changes: object = {}, ipam: object = {}) => ({
  cniVersion: '1.0.0',
  name: NETWORK,
  type: 'bridge',
  bridge: BRIDGE,
  ipam: hostLocalIpam(world, ipam),
  ...changes,
})

export const ipamConfig = (world: World, ipam: object = {}, changes: object = {}) => ({
  cniVersion: '1.0.0',
  name: NETWORK,
  type: 'host-local',
  ipam: hostLocalIpam(world, ipam),
  ...changes,
})

export const loopbackConfig = { cniVersion: '1.0.0', name: 'loopback', type: 'loopback' }
