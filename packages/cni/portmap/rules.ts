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
/** Not filled any more: older releases of the reference did. */
export const WITH_ADDRESS = 'hostip_hostports'
export const PORTS = 'hostports'
export const MASQUERADING = 'masquerading'
export const ENTRIES = ['prerouting', 'output'] as const

export const tableOf = (family: 4 | 6): Table => ({
  family: family === 4 ? Family.ip : Family.ip6,
  name: 'cni_hostport',
})

/** How a rule names its container: the comment as the reference has it, the tag exactly. */
export interface Mark {
  readonly comment: string
  readonly tag: string
}

/** How many rules all containers share, by chain. */
export const sharedCounts = (entries: boolean): Readonly<Record<string, number>> => ({
  [ALL]: 2,
  prerouting: entries ? 1 : 0,
  output: entries ? 1 : 0,
})

/** The rules that all containers share, written anew. Without `entries` the two chains that lead in stay empty. */
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

/** What all containers share. */
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

function mappingRule(table: Table, mapping: Mapping, address: Address, mark: Mark): Request {
  const { hostAddress, protocol, hostPort, containerPort } = mapping
  const expressions = [
    ...(hostAddress === undefined ? [] : matchAddress('destination', hostAddress)),
    ...matchDestinationPort(PROTOCOLS[protocol]!, hostPort),
    ...translateTo(address, containerPort),
  ]
  return addRule(table, PORTS, expressions, mark.comment, mark.tag)
}

const LOCALHOST = Uint8Array.of(127, 0, 0, 1)

/** The container that talks to itself by way of the host, and the host that talks to it by localhost. */
function masqueradeRules(table: Table, address: Address, mark: Mark): Request[] {
  const sources = isV4(address) ? [address, LOCALHOST] : [address]
  return sources.map((source) => {
    const expressions = [...matchAddress('source', source), ...matchAddress('destination', address)]
    return addRule(table, MASQUERADING, [...expressions, ...masquerade()], mark.comment, mark.tag)
  })
}

/** One container's rules. */
export function containerRules(
  table: Table,
  mappings: readonly Mapping[],
  address: Address,
  snat: boolean,
  mark: Mark,
): Request[] {
  return [
    ...mappingsFor(mappings, address).map((mapping) => mappingRule(table, mapping, address, mark)),
    ...(snat ? masqueradeRules(table, address, mark) : []),
  ]
}
