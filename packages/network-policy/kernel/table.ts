/** The nftables table of network policy: its constant chains, and the maps that lead pods' packets to the chain of their policies. */
import type { Family } from '@podroute/address/address.ts'
import type { Direction } from '@podroute/cluster/objects/network-policy.ts'
import type { ElementType, NftChain, NftTable } from '@podroute/kernel/nft/definition.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'

export const TABLE_NAME = 'podroute-network-policy'

const FAMILIES: readonly Family[] = [4, 6]
const DIRECTIONS: readonly Direction[] = ['ingress', 'egress']

/** Traffic of a pod that chains of its policies judge; `node` is what it sends to its own node. */
export type JudgedWay = Direction | 'node'
const WAYS: readonly JudgedWay[] = [...DIRECTIONS, 'node']

/** Local pods that a policy isolates, each with the chain of its policies; and those that reach themselves through a Service. */
export const DISPATCH_SETS: Readonly<Record<string, ElementType>> = Object.fromEntries(
  FAMILIES.flatMap((family) => [
    ...WAYS.map((way) => [`${way}-${family}`, { key: [addressType(family)], value: 'verdict' as const }]),
    [`self-${family}`, { key: [addressType(family), addressType(family)] }],
  ]),
)

/** Protocols of which flows were ended: asked before the flows, since most often there is none. */
export const ENDED_PROTOCOLS = 'ended-protocols'

/** Flows that a policy ended: their packets would begin a new one, in the other direction too. */
export const ENDED_SETS: Readonly<Record<string, ElementType>> = {
  [ENDED_PROTOCOLS]: { key: ['inet_proto'], timeout: true },
  ...Object.fromEntries(
    FAMILIES.map((family) => [
      endedSet(family),
      {
        key: [addressType(family), 'inet_service', addressType(family), 'inet_service', 'inet_proto'],
        timeout: true,
      },
    ]),
  ),
}

/** Local pods of whose packets some were dropped, with how many, by the direction in which policies isolate them. */
export const DENIED_SETS: Readonly<Record<string, ElementType>> = Object.fromEntries(
  FAMILIES.flatMap((family) =>
    DIRECTIONS.map((direction) => [
      deniedSet(direction, family),
      { key: [addressType(family)], dynamic: true },
    ]),
  ),
)

/** Of nftables' log: one process may listen to a group. */
export const LOG_GROUP = 7913
/** Bytes of a packet: the headers up to ports, with IPv6. */
export const LOGGED_BYTES = 128
/** A flood of packets that are dropped is counted, and costs this process nothing. */
const LOG_RATE = 'limit rate 20/second burst 20 packets'

/**
 * Where chains of policies lead what they do not allow. What is let through whatever they say is asked here, not before them: the look-up of
 * a route costs more than all else of a connection that is allowed. @param logged not every kernel can
 */
function deniedChain(direction: Direction, logged: boolean): readonly string[] {
  const field = direction === 'ingress' ? 'daddr' : 'saddr'
  return [
    NEIGHBOUR_DISCOVERY,
    // The node's own traffic is always let in: probes.
    ...(direction === 'ingress' ? ['fib saddr type local accept'] : []),
    ...FAMILIES.map((family) => `add @${deniedSet(direction, family)} { ${ip(family)} ${field} counter }`),
    ...(logged ? [`${LOG_RATE} log prefix "${direction}" group ${LOG_GROUP} snaplen ${LOGGED_BYTES}`] : []),
    'drop',
  ]
}

/**
 * IPv6 does not work without them (RFC 4861), nor with bridges that listen in on them: 130 to 132 and 143 are MLD, 133 to 137 neighbour
 * discovery.
 */
const NEIGHBOUR_DISCOVERY = 'icmpv6 type { 130-137, 143 } accept'

/**
 * What is delivered to the node itself is seen by no chain behind nat but this one's hook. Behind IPVS, which takes what it sends to an
 * endpoint out of it (NF_IP_PRI_NAT_SRC - 2): that comes by in postrouting.
 */
const OWN_NODE: NftChain = {
  hook: 'type filter hook input priority 110; policy accept;',
  rules: [
    'ct state established,related accept',
    ...FAMILIES.map((family) => `${ip(family)} saddr vmap @node-${family}`),
  ],
}

const TABLES = [false, true].flatMap((logged) =>
  [false, true].map((ofCluster) => ({ logged, ofCluster, table: makeTable(logged, ofCluster) })),
)

/** @param logged not every kernel can log to a process @param ofCluster ClusterNetworkPolicies judge what pods send to their node, too */
export function policyTable(logged: boolean, ofCluster: boolean): NftTable {
  return TABLES.find((one) => one.logged === logged && one.ofCluster === ofCluster)!.table
}

/**
 * Behind nat and IPVS and before masquerade, so that policies see the endpoint and the client itself: traffic to a ClusterIP passes INPUT,
 * OUTPUT and POSTROUTING, all other FORWARD and POSTROUTING (measured).
 */
function makeTable(logged: boolean, ofCluster: boolean): NftTable {
  return {
    name: TABLE_NAME,
    sets: { ...DISPATCH_SETS, ...ENDED_SETS, ...DENIED_SETS },
    chains: {
      judge: {
        hook: 'type filter hook postrouting priority 80; policy accept;',
        // Few and flat: each step of a new connection that is allowed counts (bench:policy -- traffic).
        rules: [
          'ct state established,related accept',
          `meta l4proto @${ENDED_PROTOCOLS} jump ended-flows`,
          'jump from-pods',
          // Last, so that a `return` of a chain of policies lets through.
          ...FAMILIES.map((family) => `${ip(family)} daddr vmap @ingress-${family}`),
        ],
      },
      ...(ofCluster && { 'judge-node': OWN_NODE }),
      'ended-flows': {
        rules: FAMILIES.map(
          (family) =>
            `${ip(family)} saddr . th sport . ${ip(family)} daddr . th dport . meta l4proto @${endedSet(family)} drop`,
        ),
      },
      // A chain of policies is gone to from here, so that its `return` leads back to `judge`.
      'from-pods': { rules: FAMILIES.map((family) => `${ip(family)} saddr vmap @egress-${family}`) },
      ...Object.fromEntries(
        DIRECTIONS.map((direction) => [deniedName(direction), { rules: deniedChain(direction, logged) }]),
      ),
    },
  }
}

const CHAIN = /^(ingress|egress)-[46]-[0-9a-f]{12}$/
const PEER_SET = /^peer-[0-9a-f]{12}-([46])$/
const PORT_SET = /^port-[0-9a-f]{12}-([46])$/

export function isPolicyChain(name: string): boolean {
  return CHAIN.test(name)
}

/** Type of a set that rules of policies refer to; undefined for other names. */
export function referredType(name: string): ElementType | undefined {
  const peer = PEER_SET.exec(name)
  if (peer) return { key: [addressType(familyIn(peer))] }
  const port = PORT_SET.exec(name)
  return port ? { key: [addressType(familyIn(port)), 'inet_proto', 'inet_service'] } : undefined
}

/** Whether a chain or set comes and goes with policies. */
export function isOfPolicies(name: string): boolean {
  return isPolicyChain(name) || referredType(name) !== undefined
}

export function dispatchElement(way: JudgedWay, family: Family, address: string, chain: string): SetElement {
  return { set: `${way}-${family}`, element: `${address} : goto ${chain}` }
}

export function selfElement(family: Family, address: string): SetElement {
  return { set: `self-${family}`, element: `${address} . ${address}` }
}

export function endedSet(family: Family): string {
  return `ended-${family}`
}

export function deniedSet(direction: Direction, family: Family): string {
  return `denied-${direction}-${family}`
}

/** The chain that drops. */
function deniedName(direction: Direction): string {
  return `denied-${direction}`
}

function familyIn([, family]: readonly string[]): Family {
  return family === '6' ? 6 : 4
}

function addressType(family: Family): 'ipv4_addr' | 'ipv6_addr' {
  return family === 4 ? 'ipv4_addr' : 'ipv6_addr'
}

function ip(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6'
}
