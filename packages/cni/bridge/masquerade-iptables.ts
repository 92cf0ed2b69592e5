// ipMasq by iptables: a chain a container, by the reference plugin's names, so that either removes what the other has made.

import type { Owner } from '../host-local/lease.ts'
import {
  chainName,
  declareChain,
  matchComment,
  mayHaveRules,
  NatTable,
  removeChain,
  removeJumps,
  staleChains,
} from '../iptables/nat-table.ts'
import { familyOf, formatAddress, formatPrefix, networkOf, type Prefix } from '../protocol/address.ts'
import type { System } from '../system.ts'

const FAMILIES = [4, 6] as const
const MULTICAST = { 4: '224.0.0.0/4', 6: 'ff00::/8' } as const

/** What goes to the container's own network stays as it is, multicast too; the rest leaves with the host's address. */
function rulesFor(chain: string, comment: string, prefix: Prefix): string[] {
  const network = formatPrefix({ ...prefix, address: networkOf(prefix) })
  return [
    `-A ${chain} -d ${network} ${comment} -j ACCEPT`,
    `-A ${chain} ! -d ${MULTICAST[familyOf(prefix.address)]} ${comment} -j MASQUERADE`,
    `-A POSTROUTING -s ${formatAddress(prefix.address)} ${comment} -j ${chain}`,
  ]
}

export function setMasqueradeByIptables(
  system: System,
  network: string,
  { containerId }: Owner,
  prefixes: readonly Prefix[],
): void {
  const chain = chainName(system, '', network, containerId)
  const comment = matchComment('', network, containerId)
  for (const family of FAMILIES) {
    const own = prefixes.filter(({ address }) => familyOf(address) === family)
    if (own.length === 0) continue
    const table = new NatTable(system, family)
    const rules = own.flatMap((prefix) => rulesFor(chain, comment, prefix))
    // Of two addresses in one network the second one's rules in the chain would be the first one's.
    table.apply([...removeJumps(table.list(), chain), declareChain(chain), ...new Set(rules)])
  }
}

export function removeMasqueradeByIptables(system: System, network: string, { containerId }: Owner): void {
  const chain = chainName(system, '', network, containerId)
  for (const family of FAMILIES) {
    if (!mayHaveRules(system, family, chain)) continue
    const table = new NatTable(system, family)
    table.apply(removeChain(table.list(), chain))
  }
}

/** Removes the chains of containers that are not among the valid ones: their rules name no interface. */
export function collectMasqueradeByIptables(system: System, network: string, valid: readonly Owner[]): void {
  const ids = new Set(valid.map(({ containerId }) => containerId))
  for (const family of FAMILIES) {
    if (!mayHaveRules(system, family, 'POSTROUTING')) continue
    const table = new NatTable(system, family)
    const listed = table.list()
    table.apply(staleChains(listed, '', network, ids).flatMap((chain) => removeChain(listed, chain)))
  }
}
