// DEL and GC: the link first, then its address, so that no address is given out while it is still in use.

import { validAttachments } from '../host-local/holders.ts'
import { hostLocal } from '../host-local/plugin.ts'
import { deleteLink, type Link, listLinks } from '../netlink/links.ts'
import { Namespace } from '../netlink/namespace.ts'
import { Netlink } from '../netlink/netlink.ts'
import { Ipam } from '../protocol/delegate.ts'
import type { Invocation } from '../protocol/invocation.ts'
import { checkForeignNamespace } from '../protocol/own-namespace.ts'
import type { System } from '../system.ts'
import { readConfig } from './configuration.ts'
import { collectMacChecks, removeMacCheck } from './mac-spoof.ts'
import { collectMasquerade, removeMasquerade } from './masquerade.ts'
import { collectSources, MOST_GONE } from './source-check.ts'
import { attachmentAlias, attachmentOf } from './veth.ts'

/** Removes the links; one that is gone already is fine. */
function removeLinks(netlink: Netlink, names: readonly string[]): void {
  if (names.length === 0) return
  for (const { error } of netlink.exchange(names.map(deleteLink)))
    if (error !== undefined && error.code !== 'ENODEV') throw error
}

function removeContainerLink(system: System, invocation: Invocation): void {
  const namespace = Namespace.find(system, invocation.netns)
  if (namespace === undefined) return
  try {
    removeLinks(namespace.netlink(), [invocation.interfaceName])
  } finally {
    namespace.close()
  }
}

export function del(system: System, invocation: Invocation): void {
  const config = readConfig(invocation)
  checkForeignNamespace(system, invocation)
  removeContainerLink(system, invocation)
  const { containerId, interfaceName } = invocation
  if (config.macSpoofCheck) removeMacCheck(system, { containerId, interfaceName })
  if (config.sourceCheck !== 'none') collectSources(system, MOST_GONE)
  if (config.ipMasq) removeMasquerade(system, config.network, { containerId, interfaceName })
  if (config.ipamType !== '') new Ipam(system, invocation, config.ipamType, [hostLocal]).del()
}

/** The host ends of this network's attachments that are not valid any more. */
function staleLinks(links: readonly Link[], network: string, valid: ReadonlySet<string>): string[] {
  const prefix = attachmentAlias(network, '', '').slice(0, -1)
  return links
    .filter(
      (link) => link.kind === 'veth' && link.alias.startsWith(prefix) && !valid.has(attachmentOf(link.alias)),
    )
    .map((link) => link.name)
}

export function gc(system: System, invocation: Invocation): void {
  const config = readConfig(invocation)
  const valid = validAttachments(invocation.config)
  const aliases = valid.map((owner) =>
    attachmentAlias(config.network, owner.containerId, owner.interfaceName),
  )
  const netlink = new Netlink(system)
  const links = listLinks(netlink)
  const stale = staleLinks(links, config.network, new Set(aliases))
  removeLinks(netlink, stale)
  const names = links.map((link) => link.name).filter((name) => !stale.includes(name))
  if (config.macSpoofCheck) collectMacChecks(system, names)
  if (config.sourceCheck !== 'none') collectSources(system)
  if (config.ipMasq) collectMasquerade(system, config.network, valid)
  if (config.ipamType !== '') new Ipam(system, invocation, config.ipamType, [hostLocal]).gc()
}
