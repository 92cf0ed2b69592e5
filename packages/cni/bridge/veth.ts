// The veth pair: one end on the bridge, the other one the container's interface.

import { CniError, ErrorCode, failure } from '../errors.ts'
import {
  deleteLink,
  findLink,
  type Link,
  newVeth,
  portState,
  setPort,
  type VethPair,
} from '../netlink/links.ts'
import { trySysctl } from '../netlink/namespace.ts'
import type { Netlink } from '../netlink/netlink.ts'
import type { System } from '../system.ts'

const NAME_ATTEMPTS = 10
const ALIAS_LIMIT = 255
const PORT_TIMEOUT_MS = 2550
const POLL_MS = 1

export interface Port {
  readonly containerName: string
  /** Undefined: the host's. */
  readonly netns: number | undefined
  readonly mtu: number
  readonly mac?: Uint8Array | undefined
  readonly bridge: Link
  readonly hairpin: boolean
  readonly isolated: boolean
  readonly alias: string
}

/**
 * The alias of a host end: GC finds the attachment by it. Empty where it is too long.
 * @param sources what the container may send from, behind a space: the agent reads it there
 */
export function attachmentAlias(
  network: string,
  containerId: string,
  interfaceName: string,
  sources = '',
): string {
  const attachment = `podroute/${network}/${containerId}/${interfaceName}`
  const alias = sources === '' ? attachment : `${attachment} ${sources}`
  return alias.length <= ALIAS_LIMIT ? alias : ''
}

/** The alias without what the container may send from. */
export const attachmentOf = (alias: string): string => alias.split(' ', 1)[0]!

function randomName(system: System): string {
  return `veth${Array.from(system.randomBytes(4), (byte) => (byte + 256).toString(16).slice(1)).join('')}`
}

function pairOf(port: Port, hostName: string): VethPair {
  const { containerName, netns, mtu, mac, bridge } = port
  return { hostName, containerName, netns, mtu, mac, bridge: bridge.index }
}

/** Tries one name. True when the pair is created, false when the name is taken. */
function tryCreate(netlink: Netlink, port: Port, name: string): boolean {
  const { hairpin, isolated, alias } = port
  const [created, set] = netlink.exchange([
    newVeth(pairOf(port, name)),
    setPort(name, { hairpin, isolated, alias }),
  ])
  const error = created!.error
  if (error === undefined) {
    if (set!.error === undefined) return true
    throw failure(`failed to connect "${name}" to bridge ${port.bridge.name}`, set!.error)
  }
  if (error.code !== 'EEXIST') throw failure('failed to make veth pair', error)
  if (findLink(netlink, name) !== undefined) return false
  throw failure(`container veth name ("${port.containerName}") already exists`)
}

/** Creates the pair and returns the host end's name. The container's end is down. */
export function createVeth(system: System, netlink: Netlink, port: Port): string {
  for (let attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
    const name = randomName(system)
    try {
      if (!tryCreate(netlink, port, name)) continue
      trySysctl(system, `ipv6/conf/${name}/accept_ra`, '0')
      return name
    } catch (error) {
      netlink.exchange([deleteLink(name)]) // whatever of it is there
      throw error
    }
  }
  throw failure('failed to find a unique veth name')
}

/** Waits until the bridge forwards to the port; returns its hardware address. */
export function awaitPort(system: System, netlink: Netlink, name: string, wait: boolean): Uint8Array {
  const deadline = system.now() + PORT_TIMEOUT_MS
  for (;;) {
    const port = portState(netlink, name)
    if (port.operational || !wait) return port.mac
    if (system.now() > deadline)
      throw new CniError(ErrorCode.internal, `bridge port in error state: "${name}" is not up`)
    system.sleep(POLL_MS)
  }
}
