// portmap's nftables rules, for one family each. Table, chains and comments are the reference plugin's, so that either
// removes what the other has made.

import {
  jump,
  masquerade,
  matchAddress,
  matchDestinationPort,
  matchLocalDestination,
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
import { type Address, isV4 } from '../protocol/address.ts'
import { type Mapping, mappingsFor, PROTOCOLS } from './configuration.ts'

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

/** Masquerades hairpin traffic (the container to its own port of the host) and what the host sends to it from 127.0.0.1. */
function masqueradeRules(table: Table, address: Address, owner: RuleOwner): Request[] {
  const sources = isV4(address) ? [address, LOCALHOST] : [address]
  return sources.map((source) => {
    const expressions = [...matchAddress('source', source), ...matchAddress('destination', address)]
    return addRule(table, MASQUERADING, [...expressions, ...masquerade()], owner.comment, owner.tag)
  })
}

/** One container's rules. */
export function containerRules(
  table: Table,
  mappings: readonly Mapping[],
  address: Address,
  snat: boolean,
  owner: RuleOwner,
): Request[] {
  return [
    ...mappingsFor(mappings, address).map((mapping) => mappingRule(table, mapping, address, owner)),
    ...(snat ? masqueradeRules(table, address, owner) : []),
  ]
}
