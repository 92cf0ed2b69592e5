// ipMasq: what containers send outside their subnet leaves with the host's address.
// Table, chains and comments are the reference plugin's, so that either removes what the other has made.

import type { Owner } from '../host-local/lease.ts'
import { type Backend, byBackend, lacksNftables } from '../iptables/nat-table.ts'
import {
  goto,
  masquerade,
  matchAddress,
  matchFamily,
  matchPrefix,
  returns,
} from '../netlink/nft-expressions.ts'
import {
  addChain,
  addRule,
  addSharedRule,
  addTable,
  deleteRule,
  Family,
  flushChain,
  Nftables,
  SRCNAT_PRIORITY,
} from '../netlink/nftables.ts'
import type { Request } from '../netlink/wire.ts'
import { networkOf, type Prefix, parsePrefix } from '../protocol/address.ts'
import type { System } from '../system.ts'
import {
  collectMasqueradeByIptables,
  removeMasqueradeByIptables,
  setMasqueradeByIptables,
} from './masquerade-iptables.ts'

const TABLE = { family: Family.inet, name: 'cni_plugins_masquerade' }
const CHAIN = 'masq_checks'
const POSTROUTING = 'postrouting'
const HASH_LENGTH = 16
const COMMENT_LIMIT = 128

const hash = (system: System, text: string) => system.sha512(text).slice(0, HASH_LENGTH)

const instanceHash = (system: System, network: string, owner: Owner) =>
  `${hash(system, network)}-${hash(system, `${owner.interfaceName}:${owner.containerId}`)}`

const commentFor = (system: System, network: string, { containerId, interfaceName }: Owner) =>
  `${instanceHash(system, network, { containerId, interfaceName })}, net: ${network}, if: ${interfaceName}, id: ${containerId}`.slice(
    0,
    COMMENT_LIMIT,
  )

const multicast = (text: string) => {
  const prefix = parsePrefix(text)!
  return addSharedRule(TABLE, POSTROUTING, [
    ...matchFamily(prefix.address),
    ...matchPrefix('destination', prefix),
    ...returns(),
  ])
}

/** The number of shared rules in each chain. */
const SHARED_RULES = { [POSTROUTING]: 3 }

const sharedRules = (): Request[] => [
  flushChain(TABLE, POSTROUTING),
  multicast('224.0.0.0/4'),
  multicast('ff00::/8'),
  addSharedRule(TABLE, POSTROUTING, goto(CHAIN)),
]

/** The table, the chains and the rules that all containers share. */
const structure = (): Request[] => [
  addTable(TABLE, 'Masquerading for plugins from github.com/containernetworking/plugins'),
  addChain(
    TABLE,
    CHAIN,
    undefined,
    'Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet',
  ),
  addChain(TABLE, POSTROUTING, { type: 'nat', hook: 'postrouting', priority: SRCNAT_PRIORITY }),
  ...sharedRules(),
]

function masqueradeRule(prefix: Prefix, comment: string): Request {
  const outside = { ...prefix, address: networkOf(prefix) }
  const expressions = [
    ...matchFamily(prefix.address),
    ...matchAddress('source', prefix.address),
    ...matchPrefix('destination', outside, true),
    ...masquerade(),
  ]
  return addRule(TABLE, CHAIN, expressions, comment)
}

const staleRules = (nft: Nftables, prefix: string) =>
  nft.rules(TABLE, CHAIN).filter((rule) => rule.comment.startsWith(prefix))

function setByNftables(system: System, network: string, owner: Owner, prefixes: readonly Prefix[]): void {
  const nft = new Nftables(system)
  const stale = staleRules(nft, instanceHash(system, network, owner))
  const comment = commentFor(system, network, owner)
  nft.runWith(TABLE, structure, SHARED_RULES, [
    ...stale.map(deleteRule),
    ...prefixes.map((prefix) => masqueradeRule(prefix, comment)),
  ])
}

export function setMasquerade(
  system: System,
  network: string,
  owner: Owner,
  prefixes: readonly Prefix[],
  backend: Backend | undefined,
): void {
  byBackend(
    system,
    backend,
    () => setByNftables(system, network, owner, prefixes),
    () => setMasqueradeByIptables(system, network, owner, prefixes),
  )
}

/** Removes both backends' rules: ADD may have had another configuration. */
export function removeMasquerade(system: System, network: string, owner: Owner): void {
  removeMasqueradeByIptables(system, network, owner)
  if (lacksNftables(system)) return
  const nft = new Nftables(system)
  nft.run(staleRules(nft, instanceHash(system, network, owner)).map(deleteRule))
}

/** Removes the rules of attachments that are not among the valid ones. */
export function collectMasquerade(system: System, network: string, valid: readonly Owner[]): void {
  collectMasqueradeByIptables(system, network, valid)
  if (lacksNftables(system)) return
  const nft = new Nftables(system)
  const kept = new Set(valid.map((owner) => commentFor(system, network, owner)))
  const ours = staleRules(nft, hash(system, network))
  nft.run(ours.filter((rule) => !kept.has(rule.comment)).map(deleteRule))
}
