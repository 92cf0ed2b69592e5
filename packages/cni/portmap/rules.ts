// portmap's nftables rules, for one family each. Table, chains and comments are the reference plugin's, so that either
// removes what the other has made.

import {
  jump,
  masquerade,
  matchAddress,
  matchDestinationPort,
  matchLocalDestination,
  matchOriginal,
  matchPrefix,
  matchTranslated,
  translateTo,
} from '../netlink/nft-expressions.ts'
import {
  addChain,
  addRule,
  addSharedRule,
  addTable,
  DSTNAT_PRIORITY,
  Family,
  flushChain,
  SRCNAT_PRIORITY,
  type Table,
} from '../netlink/nftables.ts'
import type { Request } from '../netlink/wire.ts'
import { type Address, isV4, networkOf, type Prefix } from '../protocol/address.ts'
import { type Mapping, mappingsFor, type PortmapConfig, PROTOCOLS } from './configuration.ts'

export const ALL = 'hostports_all'
/** Always empty: only older releases of the reference plugin fill it. */
export const WITH_ADDRESS = 'hostip_hostports'
export const PORTS = 'hostports'
export const MASQUERADING = 'masquerading'
export const ENTRIES = ['prerouting', 'output'] as const

export const tableOf = (family: 4 | 6): Table => ({
  family: family === 4 ? Family.ip : Family.ip6,
  name: 'cni_hostport',
})

/** Whose a rule is: the comment names the container as the reference plugin's does, the tag the attachment exactly. */
export interface RuleOwner {
  readonly comment: string
  readonly tag: string
}

/** The number of shared rules in each chain. */
export const sharedCounts = (entries: boolean): Readonly<Record<string, number>> => ({
  [ALL]: 2,
  prerouting: entries ? 1 : 0,
  output: entries ? 1 : 0,
})

/** Flushes the shared chains and fills them again. Without `entries` the two base chains stay empty. */
function sharedRules(table: Table, entries: boolean): Request[] {
  return [
    flushChain(table, ALL),
    addSharedRule(table, ALL, jump(WITH_ADDRESS)),
    addSharedRule(table, ALL, jump(PORTS)),
    ...ENTRIES.flatMap((name) => [
      flushChain(table, name),
      ...(entries ? [addSharedRule(table, name, [...matchLocalDestination(), ...jump(ALL)])] : []),
    ]),
  ]
}

/** The table, the chains and the rules that all containers share. */
export function structure(table: Table, snat: boolean, entries: boolean): Request[] {
  return [
    addTable(table, 'CNI portmap plugin'),
    addChain(table, PORTS),
    addChain(table, WITH_ADDRESS),
    addChain(table, ALL),
    ...ENTRIES.map((name) => addChain(table, name, { type: 'nat', hook: name, priority: DSTNAT_PRIORITY })),
    ...sharedRules(table, entries),
    ...(snat
      ? [addChain(table, MASQUERADING, { type: 'nat', hook: 'postrouting', priority: SRCNAT_PRIORITY })]
      : []),
  ]
}

function mappingRule(table: Table, mapping: Mapping, address: Address, owner: RuleOwner): Request {
  const { hostAddress, protocol, hostPort, containerPort } = mapping
  const expressions = [
    ...(hostAddress === undefined ? [] : matchAddress('destination', hostAddress)),
    ...matchDestinationPort(PROTOCOLS[protocol]!, hostPort),
    ...translateTo(address, containerPort),
  ]
  return addRule(table, PORTS, expressions, owner.comment, owner.tag)
}

const LOCALHOST = Uint8Array.of(127, 0, 0, 1)

/** What the host sends to the container from 127.0.0.1. */
function localhostRule(table: Table, address: Address, owner: RuleOwner): Request {
  const expressions = [...matchAddress('source', LOCALHOST), ...matchAddress('destination', address)]
  return addRule(table, MASQUERADING, [...expressions, ...masquerade()], owner.comment, owner.tag)
}

/**
 * What comes to a mapped port from the container's subnet, the container itself among them: its answers else go past the
 * host and its translation. With masqAll from anywhere. What asks for the container directly keeps its source.
 */
function mappedRule(
  table: Table,
  { hostAddress, protocol, hostPort }: Mapping,
  prefix: Prefix,
  anySource: boolean,
  owner: RuleOwner,
): Request {
  const subnet = { ...prefix, address: networkOf(prefix) }
  const expressions = [
    ...(anySource ? [] : matchPrefix('source', subnet)),
    ...matchAddress('destination', prefix.address),
    ...matchTranslated(),
    ...matchOriginal(PROTOCOLS[protocol]!, hostPort, hostAddress),
    ...masquerade(),
  ]
  return addRule(table, MASQUERADING, expressions, owner.comment, owner.tag)
}

function masqueradeRules(
  table: Table,
  { masqueradeAll }: PortmapConfig,
  mappings: readonly Mapping[],
  prefix: Prefix,
  owner: RuleOwner,
): Request[] {
  const localhost = isV4(prefix.address) && !masqueradeAll
  return [
    ...(localhost ? [localhostRule(table, prefix.address, owner)] : []),
    ...mappings.map((mapping) => mappedRule(table, mapping, prefix, masqueradeAll, owner)),
  ]
}

/** One container's rules. */
export function containerRules(
  table: Table,
  config: PortmapConfig,
  prefix: Prefix,
  owner: RuleOwner,
): Request[] {
  const mappings = mappingsFor(config.mappings, prefix.address)
  return [
    ...mappings.map((mapping) => mappingRule(table, mapping, prefix.address, owner)),
    ...(config.snat && mappings.length > 0 ? masqueradeRules(table, config, mappings, prefix, owner) : []),
  ]
}

/** How many masquerading rules CHECK asks for: as many as each release of ours and of the reference has made. */
export function masqueradeCount(config: PortmapConfig, address: Address): number {
  if (!config.snat || mappingsFor(config.mappings, address).length === 0) return 0
  return isV4(address) && !config.masqueradeAll ? 2 : 1
}
