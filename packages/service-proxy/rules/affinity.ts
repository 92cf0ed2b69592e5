/**
 * Session affinity that is shorter than IPVS can have it: IPVS keeps a client at its endpoint for as long as one of its connections is
 * in TIME_WAIT, two minutes that nobody can change. Here nftables remembers which endpoint IPVS chose for a client, and leads the
 * client's next connections there until that expires.
 *
 *   client --(map of the frontend, filled by packets)--> number of an endpoint --(service-affinity-endpoints)--> endpoint
 *
 * Endpoints come and go as elements of the second map: clients of one that is gone are forgotten when they come again, and nobody
 * has to look for them. A map of each frontend's own, with its two chains, is what nft 1.0.6 can do: keys of a map that packets fill
 * have 16 bytes at most there, which is an IPv6 address and nothing else.
 */
import type { Family } from '@podroute/address/address.ts'
import type { Protocol } from '@podroute/cluster/objects/service.ts'
import { setOf, TABLE } from './sets.ts'

/** IPVS' TIME_WAIT, in seconds (tcp_timeouts in net/netfilter/ipvs/ip_vs_proto_tcp.c): from here on its own persistence will do. */
export const IPVS_TIME_WAIT = 120
/** Clients of one frontend that are remembered at the same time; others go where IPVS sends them. */
const MOST_CLIENTS = 65_535

export interface ShortAffinity {
  readonly family: Family
  readonly protocol: Protocol
  /** What clients connect to. */
  readonly address: string
  readonly port: number
  /** From a client's last new connection on. */
  readonly seconds: number
}

type AffinityKey = Omit<ShortAffinity, 'seconds'>

/** `affinity-tcp-10.96.0.1-80`: its map and the chain that leads clients; the chain that learns has `-learn` behind it. */
export function affinityName({ protocol, address, port }: AffinityKey): string {
  return `affinity-${protocol}-${address.replaceAll(':', '_')}-${port}`
}

const NAME = /^affinity-(tcp|udp|sctp)-([0-9a-f._]+)-(\d+)(-learn)?$/

/** What a name stands for; undefined where it is none of these. */
export function affinityOfName(name: string): AffinityKey | undefined {
  const [, protocol, text, port] = NAME.exec(name) ?? []
  if (text === undefined) return undefined
  const address = text.replaceAll('_', ':')
  const family = address.includes(':') ? 6 : 4
  return { family, protocol: protocol as Protocol, address, port: Number(port) }
}

export function chainsOf(name: string): readonly [leads: string, learns: string] {
  return [name, `${name}-learn`]
}

/**
 * Anew, whatever is there.
 * @param map whether there is one: what is not there cannot be deleted
 * @param check a comment of the map, by which changes of the chains are found
 */
export function affinityScript(affinity: ShortAffinity, map: boolean, check: string | undefined): string {
  const { family, protocol, seconds } = affinity
  const name = affinityName(affinity)
  const [leads, learns] = chainsOf(name)
  const ip = family === 4 ? 'ip' : 'ip6'
  const remembered = `meta mark set ${ip} saddr map @${name}`
  const asked = `ct original ${ip} daddr . meta l4proto . ct original proto-dst`
  const type = `type ipv${family}_addr : mark; flags dynamic, timeout; timeout ${seconds}s; size ${MOST_CLIENTS};`
  const comment = check === undefined ? '' : ` comment "${check}";`
  return lines([
    ...emptied(name),
    ...(map ? [`delete map ${TABLE} ${name}`] : []),
    `add map ${TABLE} ${name} { ${type}${comment} }`,
    `add rule ${TABLE} ${leads} meta l4proto ${protocol} ${remembered} ` +
      `dnat ${ip} to ${ip} daddr . meta l4proto . th dport . meta mark map @${setOf('service-affinity-endpoints', family)}`,
    // Still here: its endpoint is gone. What is remembered can be removed, but not changed.
    `add rule ${TABLE} ${leads} ${remembered} delete @${name} { ${ip} saddr : meta mark } meta mark set 0`,
    // An endpoint that takes no new connections any more has no number.
    `add rule ${TABLE} ${learns} meta l4proto ${protocol} ` +
      `meta mark set ${asked} . ${ip} daddr . th dport map @${setOf('service-affinity-numbers', family)} ` +
      `update @${name} { ct original ${ip} saddr : meta mark } meta mark set 0`,
  ])
}

export function affinityRemoval(affinity: AffinityKey, map: boolean): string {
  const name = affinityName(affinity)
  return lines([
    ...emptied(name),
    ...chainsOf(name).map((chain) => `delete chain ${TABLE} ${chain}`),
    ...(map ? [`delete map ${TABLE} ${name}`] : []),
  ])
}

/** Its chains, there and empty. */
function emptied(name: string): string[] {
  return chainsOf(name).flatMap((chain) => [`add chain ${TABLE} ${chain}`, `flush chain ${TABLE} ${chain}`])
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`
}
