// portmap by iptables: chains and rules by the reference plugin's names, so that either removes what the other has made.

import { failure } from '../errors.ts'
import {
  chainName,
  declareChain,
  hasChain,
  matchComment,
  mayHaveRules,
  NatTable,
  quote,
  removeChain,
  removeJumps,
  staleChains,
} from '../iptables/nat-table.ts'
import { familyOf, formatAddress, formatPrefix, isV4, type Prefix } from '../protocol/address.ts'
import type { System } from '../system.ts'
import { type Mapping, mappingsFor, type PortmapConfig } from './configuration.ts'

const FAMILIES = [4, 6] as const
const DNAT = 'CNI-HOSTPORT-DNAT'
const SET_MARK = 'CNI-HOSTPORT-SETMARK'
const MASQUERADING = 'CNI-HOSTPORT-MASQ'
const COMMENT_PREFIX = 'dnat '
/** As many as one rule of the multiport match takes. */
const PORTS_AT_ONCE = 15

/** Whose mappings. */
export interface Container {
  readonly network: string
  readonly id: string
}

const hasRule = (listed: readonly string[], chain: string, ending: string) =>
  listed.some((line) => line.startsWith(`-A ${chain} `) && line.endsWith(ending))

/** The chain, unless it is there: what is in it stays. */
const ensureChain = (listed: readonly string[], chain: string) =>
  hasChain(listed, chain) ? [] : [declareChain(chain)]

/** What marks a packet, and what masquerades the marked ones: before the rules of other plugins. */
function markLines(listed: readonly string[], bit: number): string[] {
  const value = `0x${(2 ** bit).toString(16)}`
  const mark = `MARK --set-xmark ${value}/${value}`
  const masked = `--mark ${value}/${value} -j MASQUERADE`
  return [
    ...ensureChain(listed, SET_MARK),
    ...(hasRule(listed, SET_MARK, mark)
      ? []
      : [`-A ${SET_MARK} -m comment --comment "CNI portfwd masquerade mark" -j ${mark}`]),
    ...ensureChain(listed, MASQUERADING),
    ...(hasRule(listed, MASQUERADING, masked) ? [] : [`-A ${MASQUERADING} -m mark ${masked}`]),
    ...(hasRule(listed, 'POSTROUTING', `-j ${MASQUERADING}`)
      ? []
      : [`-I POSTROUTING 1 -m comment --comment "CNI portfwd requiring masquerade" -j ${MASQUERADING}`]),
  ]
}

const entryLines = (listed: readonly string[]): string[] => [
  ...ensureChain(listed, DNAT),
  ...['PREROUTING', 'OUTPUT']
    .filter((chain) => !hasRule(listed, chain, `-j ${DNAT}`))
    .map((chain) => `-A ${chain} -m addrtype --dst-type LOCAL -j ${DNAT}`),
]

/** The ports of each protocol, in rules' portions. */
function portions(mappings: readonly Mapping[]): [string, string][] {
  const found: [string, string][] = []
  for (const protocol of [...new Set(mappings.map((mapping) => mapping.protocol))].sort()) {
    const ports = mappings.filter((m) => m.protocol === protocol).map((m) => m.hostPort)
    for (let i = 0; i < ports.length; i += PORTS_AT_ONCE)
      found.push([protocol, ports.slice(i, i + PORTS_AT_ONCE).join(',')])
  }
  return found
}

function conditionsOf(config: PortmapConfig, family: 4 | 6): string {
  const words = config.conditions[family].filter((word) => word !== '')
  return words.map((word) => ` ${quote(word)}`).join('')
}

/** What leads to the container's chain, also by mappings of the other family, as in the reference. */
const selectLines = (config: PortmapConfig, family: 4 | 6, chain: string, comment: string): string[] =>
  portions(config.mappings).map(
    ([protocol, ports]) =>
      `-A ${DNAT} ${comment} -m multiport -p ${protocol} --destination-ports ${ports}${conditionsOf(config, family)} -j ${chain}`,
  )

/** Of one mapping: the marks of what must come back by way of the host, then the translation. */
function mappingLines(config: PortmapConfig, chain: string, mapping: Mapping, prefix: Prefix): string[] {
  const v4 = isV4(prefix.address)
  const { protocol, hostPort, containerPort, hostAddress } = mapping
  const base = `-A ${chain} -p ${protocol} --dport ${hostPort}${hostAddress === undefined ? '' : ` -d ${formatAddress(hostAddress)}`}`
  const target = config.setMarkChain ?? SET_MARK
  const everything = v4 ? '0.0.0.0/0' : '::/0'
  const sources = [
    config.masqueradeAll ? everything : formatPrefix(prefix),
    ...(v4 && !config.masqueradeAll ? ['127.0.0.1'] : []),
  ]
  const address = formatAddress(prefix.address)
  return [
    ...(config.snat ? sources.map((source) => `${base} -s ${source} -j ${target}`) : []),
    `${base} -j DNAT --to-destination ${v4 ? address : `[${address}]`}:${containerPort}`,
  ]
}

export function forwardByIptables(
  system: System,
  config: PortmapConfig,
  prefix: Prefix,
  { network, id }: Container,
): void {
  const family = familyOf(prefix.address)
  const table = new NatTable(system, family)
  const listed = table.list()
  const chain = chainName(system, 'DN-', network, id)
  const comment = matchComment(COMMENT_PREFIX, network, id)
  const marks = config.snat && config.setMarkChain === undefined
  table.apply([
    ...(marks ? markLines(listed, config.markBit) : []),
    ...entryLines(listed),
    ...removeJumps(listed, chain),
    declareChain(chain),
    ...mappingsFor(config.mappings, prefix.address).flatMap((m) => mappingLines(config, chain, m, prefix)),
    ...selectLines(config, family, chain, comment),
  ])
}

/** @throws CniError when rules of the container are missing */
export function checkByIptables(
  system: System,
  config: PortmapConfig,
  prefix: Prefix,
  { network, id }: Container,
): void {
  const listed = new NatTable(system, familyOf(prefix.address)).list()
  const chain = chainName(system, 'DN-', network, id)
  const wanted = mappingsFor(config.mappings, prefix.address).flatMap((m) =>
    mappingLines(config, chain, m, prefix),
  )
  const found = listed.filter((line) => line.startsWith(`-A ${chain} `)).length
  if (!hasRule(listed, DNAT, `-j ${chain}`) || found < wanted.length)
    throw failure(`missing hostport rules in "${chain}" chain`)
}

export function removeByIptables(system: System, { network, id }: Container): void {
  const chain = chainName(system, 'DN-', network, id)
  for (const family of FAMILIES) {
    if (!mayHaveRules(system, family, DNAT)) continue
    const table = new NatTable(system, family)
    table.apply(removeChain(table.list(), chain))
  }
}

/** Removes the chains of this network's containers that are not among the valid ones. */
export function collectByIptables(system: System, network: string, validIds: ReadonlySet<string>): void {
  for (const family of FAMILIES) {
    if (!mayHaveRules(system, family, DNAT)) continue
    const table = new NatTable(system, family)
    const listed = table.list()
    const stale = staleChains(listed, COMMENT_PREFIX, network, validIds)
    table.apply(stale.flatMap((chain) => removeChain(listed, chain)))
  }
}
