// loopback: brings the container's lo up, and down again.

import { failure } from '../errors.ts'
import { listAddresses } from '../netlink/addresses.ts'
import { findLink, setDown, setUp } from '../netlink/links.ts'
import { Namespace } from '../netlink/namespace.ts'
import type { Netlink } from '../netlink/netlink.ts'
import { formatAddress, isV4, type Prefix } from '../protocol/address.ts'
import type { Invocation } from '../protocol/invocation.ts'
import { checkForeignNamespace } from '../protocol/own-namespace.ts'
import type { Plugin } from '../protocol/plugin.ts'
import { type Result, readResult } from '../protocol/result.ts'
import type { System } from '../system.ts'

const NAME = 'lo'

function within<T>(system: System, path: string, work: (netlink: Netlink) => T): T {
  const namespace = Namespace.open(system, path)
  try {
    return work(namespace.netlink())
  } finally {
    namespace.close()
  }
}

const isLoopback = ({ address }: Prefix) =>
  isV4(address) ? address[0] === 127 : formatAddress(address) === '::1'

/** The first address of each family, once lo is up. */
function bringUp(netlink: Netlink): Prefix[] {
  netlink.request([setUp(NAME)])
  const link = findLink(netlink, NAME)!
  const prefixes = listAddresses(netlink, link.index).map((address) => address.prefix)
  const foreign = prefixes.find((prefix) => !isLoopback(prefix))
  if (foreign !== undefined)
    throw failure(`loopback interface found with non-loopback address "${formatAddress(foreign.address)}"`)
  const first = (v4: boolean) => prefixes.filter((prefix) => isV4(prefix.address) === v4).slice(0, 1)
  return [...first(true), ...first(false)]
}

function add(system: System, invocation: Invocation): Result {
  checkForeignNamespace(system, invocation)
  const { config, netns, version } = invocation
  const previous = config.has('prevResult') ? readResult(config.raw.prevResult, version) : undefined
  const prefixes = within(system, netns, bringUp)
  return (
    previous ?? {
      interfaces: [{ name: NAME, mac: '00:00:00:00:00:00', sandbox: netns }],
      ips: prefixes.map((address) => ({ address, interface: 0 })),
      routes: [],
      dns: {},
    }
  )
}

function del(system: System, invocation: Invocation): void {
  checkForeignNamespace(system, invocation)
  const namespace = Namespace.find(system, invocation.netns)
  if (namespace === undefined) return
  try {
    namespace.netlink().request([setDown(NAME)])
  } finally {
    namespace.close()
  }
}

function check(system: System, invocation: Invocation): void {
  const link = within(system, invocation.netns, (netlink) => findLink(netlink, NAME))
  if (link === undefined || !link.up) throw failure('loopback interface is down')
}

export const loopback: Plugin = {
  name: 'loopback',
  add,
  del,
  check,
  gc() {}, // lo goes with its namespace
  status() {},
}
