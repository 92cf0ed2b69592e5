// STATUS: could an ADD succeed now?

import { CniError, ErrorCode } from '../errors.ts'
import { hostLocal } from '../host-local/plugin.ts'
import { hasIptables, lacksNftables } from '../iptables/nat-table.ts'
import { findLink } from '../netlink/links.ts'
import { Netlink } from '../netlink/netlink.ts'
import { Ipam } from '../protocol/delegate.ts'
import type { Invocation } from '../protocol/invocation.ts'
import type { System } from '../system.ts'
import { type BridgeConfig, readAddConfig } from './configuration.ts'

/** Something else has the bridge's name: nothing can be added, and what was added has lost its bridge. */
function checkBridge(system: System, config: BridgeConfig): void {
  const link = findLink(new Netlink(system), config.bridge)
  if (link !== undefined && link.kind !== 'bridge')
    throw new CniError(ErrorCode.limitedConnectivity, `"${link.name}" already exists but is not a bridge`)
}

function checkMasquerade(system: System, config: BridgeConfig): void {
  if (!config.ipMasq) return
  const iptables = config.ipMasqBackend !== 'nftables' && hasIptables(system)
  const nftables = config.ipMasqBackend !== 'iptables' && !lacksNftables(system)
  if (!iptables && !nftables)
    throw new CniError(
      ErrorCode.pluginNotAvailable,
      `nothing to masquerade with: no ${config.ipMasqBackend ?? 'nftables or iptables'} here`,
    )
}

export function status(system: System, invocation: Invocation): void {
  const config = readAddConfig(invocation)
  checkBridge(system, config)
  checkMasquerade(system, config)
  if (config.ipamType !== '') new Ipam(system, invocation, config.ipamType, [hostLocal]).status()
}
