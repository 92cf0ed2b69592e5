// portmap: forwards ports of the host to a container, behind a plugin that has connected it.

import { CniError, ErrorCode, failure } from '../errors.ts'
import { validAttachments } from '../host-local/holders.ts'
import { byBackend, hasIptables, lacksNftables } from '../iptables/nat-table.ts'
import { deleteFlows } from '../netlink/conntrack.ts'
import { Netlink } from '../netlink/netlink.ts'
import { deleteRule, Nftables, type Rule, type Table } from '../netlink/nftables.ts'
import { routeLink } from '../netlink/routes.ts'
import { type Address, familyOf, isV4, type Prefix } from '../protocol/address.ts'
import type { Invocation } from '../protocol/invocation.ts'
import type { Plugin } from '../protocol/plugin.ts'
import type { Result } from '../protocol/result.ts'
import { type System, unless } from '../system.ts'
import {
  containerAddresses,
  type Mapping,
  mappingsFor,
  type PortmapConfig,
  PROTOCOLS,
  readConfig,
} from './configuration.ts'
import {
  type Container,
  checkByIptables,
  collectByIptables,
  forwardByIptables,
  removeByIptables,
} from './iptables.ts'
import {
  ALL,
  containerRules,
  ENTRIES,
  MASQUERADING,
  masqueradeCount,
  PORTS,
  type RuleOwner,
  sharedCounts,
  structure,
  tableOf,
  WITH_ADDRESS,
} from './rules.ts'

const CHAINS = [PORTS, WITH_ADDRESS, MASQUERADING]
const NFT_PATHS = ['/usr/sbin/nft', '/sbin/nft', '/usr/bin/nft', '/bin/nft']

/** Conditions are nft's own words, which only nft(8) can read: it adds the two rules that lead in. */
function addConditions(system: System, table: Table, family: 4 | 6, conditions: readonly string[]): void {
  const nft = NFT_PATHS.find((path) => unless(['ENOENT', 'ENOTDIR'], () => system.status(path)) !== undefined)
  if (nft === undefined) throw failure('conditions need nft, which this host does not have')
  const name = `${family === 4 ? 'ip' : 'ip6'} ${table.name}`
  const rules = ENTRIES.map(
    (chain) => `add rule ${name} ${chain} ${conditions.join(' ')} fib daddr type local jump ${ALL}\n`,
  )
  const { status, error } = system.run(nft, [nft, '-f', '-'], rules.join(''), '')
  if (status !== 0) throw failure(`nft refused the conditions: ${error.trim()}`)
}

function forwardByNftables(system: System, config: PortmapConfig, prefix: Prefix, owner: RuleOwner): void {
  const family = familyOf(prefix.address)
  const table = tableOf(family)
  const conditions = config.conditions[family].filter((condition) => condition !== '')
  const nft = new Nftables(system)
  const entries = conditions.length === 0
  nft.runWith(
    table,
    () => structure(table, config.snat, entries),
    sharedCounts(entries),
    containerRules(table, config, prefix, owner),
  )
  if (conditions.length > 0) addConditions(system, table, family, conditions)
}

function forward(system: System, config: PortmapConfig, prefix: Prefix, invocation: Invocation): void {
  const { address } = prefix
  byBackend(
    system,
    config.backend,
    () => forwardByNftables(system, config, prefix, ruleOwnerOf(invocation)),
    () => forwardByIptables(system, config, prefix, containerOf(invocation)),
  )
  deleteUdpFlows(system, config.mappings, familyOf(address))
  if (config.snat && isV4(address)) allowLocalhost(system, address)
}

/** A UDP flow keeps the translation that it began with: one from before the mapping never meets it, one of the mapping outlives it. */
function deleteUdpFlows(system: System, mappings: readonly Mapping[], family: 4 | 6): void {
  const ports = mappings.filter(({ protocol }) => protocol === 'udp').map(({ hostPort }) => hostPort)
  if (ports.length > 0) deleteFlows(system, family, PROTOCOLS.udp!, ports)
}

/** Lets packets from 127.0.0.0/8 leave by the interface towards the container (route_localnet). */
function allowLocalhost(system: System, address: Address): void {
  const link = routeLink(new Netlink(system), address)
  if (link !== undefined) system.writeFile(`/proc/sys/net/ipv4/conf/${link}/route_localnet`, '1')
}

const tagPrefix = ({ config }: Invocation) => `${config.text('name')}/`

const containerOf = ({ config, containerId }: Invocation): Container => ({
  network: config.text('name')!,
  id: containerId,
})

const ruleOwnerOf = (invocation: Invocation): RuleOwner => ({
  comment: invocation.containerId,
  tag: `${tagPrefix(invocation)}${invocation.containerId}/${invocation.interfaceName}`,
})

/** Rules without a tag are the reference plugin's, which knows containers only. */
const isOf = (owner: RuleOwner) => (rule: Rule) =>
  rule.comment === owner.comment && (rule.tag === '' || rule.tag === owner.tag)

function removeRules(system: System, remove: (rule: Rule) => boolean): void {
  if (lacksNftables(system)) return
  const nft = new Nftables(system)
  for (const family of [4, 6] as const) {
    const rules = CHAINS.flatMap((chain) => nft.rules(tableOf(family), chain))
    nft.run(rules.filter(remove).map(deleteRule))
  }
}

function add(system: System, invocation: Invocation): Result {
  const config = readConfig(invocation)
  if (config.previous === undefined) throw failure('must be called as chained plugin')
  if (config.mappings.length === 0) return config.previous
  try {
    for (const prefix of containerAddresses(config.previous, invocation.interfaceName))
      forward(system, config, prefix, invocation)
  } catch (error) {
    rollBack(system, invocation)
    throw error
  }
  return config.previous
}

/** Removes both backends' rules: ADD may have had another configuration. */
function remove(system: System, invocation: Invocation): void {
  removeByIptables(system, containerOf(invocation))
  removeRules(system, isOf(ruleOwnerOf(invocation)))
}

function rollBack(system: System, invocation: Invocation): void {
  try {
    remove(system, invocation)
  } catch (error) {
    system.writeError(`podroute-cni: rollback failed: ${error}\n`)
  }
}

function del(system: System, invocation: Invocation): void {
  const { mappings } = readConfig(invocation)
  if (mappings.length === 0) return
  remove(system, invocation)
  for (const family of [4, 6] as const) deleteUdpFlows(system, mappings, family)
}

function checkNftables(system: System, config: PortmapConfig, address: Address, owner: RuleOwner): void {
  const nft = new Nftables(system)
  const count = (chain: string) => nft.rules(tableOf(familyOf(address)), chain).filter(isOf(owner)).length
  if (count(PORTS) < mappingsFor(config.mappings, address).length)
    throw failure(`missing hostport rules in "${PORTS}" chain`)
  if (count(MASQUERADING) < masqueradeCount(config, address))
    throw failure(`missing hostport rules in "${MASQUERADING}" chain`)
}

function check(system: System, invocation: Invocation): void {
  const config = readConfig(invocation)
  if (config.previous === undefined) throw failure('Required prevResult missing')
  if (config.mappings.length === 0) return
  for (const prefix of containerAddresses(config.previous, invocation.interfaceName))
    byBackend(
      system,
      config.backend,
      () => checkNftables(system, config, prefix.address, ruleOwnerOf(invocation)),
      () => checkByIptables(system, config, prefix, containerOf(invocation)),
    )
}

/** Removes the network's rules of attachments that are not valid any more. */
function gc(system: System, invocation: Invocation): void {
  const prefix = tagPrefix(invocation)
  const owners = validAttachments(invocation.config)
  const valid = new Set(owners.map((o) => `${prefix}${o.containerId}/${o.interfaceName}`))
  const { network } = containerOf(invocation)
  collectByIptables(system, network, new Set(owners.map(({ containerId }) => containerId)))
  removeRules(system, (rule) => rule.tag.startsWith(prefix) && !valid.has(rule.tag))
}

function status(system: System): void {
  if (lacksNftables(system) && !hasIptables(system))
    throw new CniError(ErrorCode.pluginNotAvailable, 'neither nftables nor iptables is there')
}

export const portmap: Plugin = { name: 'portmap', add, del, check, gc, status }
