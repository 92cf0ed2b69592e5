/** Session affinity shorter than IPVS can have it: what nftables has to know of it. */

import { familyOf } from '@podroute/address/address.ts'
import type { Backend } from '@podroute/cluster/endpoints/choose.ts'
import type { Service } from '@podroute/cluster/objects/service.ts'
import { markText, type SetElement } from '@podroute/kernel/nft/element.ts'
import { affinityName, chainsOf, IPVS_TIME_WAIT, type ShortAffinity } from '../rules/affinity.ts'
import { setOf } from '../rules/sets.ts'
import { hash, MARK_BASE } from './marks.ts'
import type { EndpointNumbers, Target } from './target.ts'

/**
 * Bits of a mark that Kubernetes' own rules look at (KUBE-MARK-MASQ, KUBE-MARK-DROP) stay clear: the first packet of a connection
 * carries its endpoint's number on its way through the node.
 */
const LOW_BITS = 14
const HIGH_BITS = 8
const NUMBERS = 1 << (LOW_BITS + HIGH_BITS)

/** The affinity that nftables has to keep, in seconds; undefined where there is none, or IPVS keeps it. */
export function shortAffinity({ affinity }: Service): number | undefined {
  return affinity.kind === 'client-ip' && affinity.seconds < IPVS_TIME_WAIT ? affinity.seconds : undefined
}

/**
 * A number for each endpoint of one port, the same after a restart. Another traffic policy makes other numbers, so that nobody is
 * led to an endpoint that would answer past this node.
 */
export function endpointNumbers(service: Service, backends: readonly Backend[]): EndpointNumbers {
  if (shortAffinity(service) === undefined) return new Map()
  const numbers = new Map<string, number>()
  const taken = new Set<number>()
  for (const name of backends.map(nameOf).sort()) {
    let number = hash(`${service.externalPolicy} ${name}`) % NUMBERS
    while (taken.has(number)) number = (number + 1) % NUMBERS
    taken.add(number)
    numbers.set(name, asMark(number))
  }
  return numbers
}

export function affinityOf({ service, port, address }: Target): ShortAffinity | undefined {
  const seconds = shortAffinity(service)
  if (seconds === undefined) return undefined
  return { family: familyOf(address), protocol: port.protocol, address, port: port.port, seconds }
}

/** The ways to its chains. */
export function leadElements(affinity: ShortAffinity): SetElement[] {
  const { family, protocol, address, port } = affinity
  const [leads, learns] = chainsOf(affinityName(affinity))
  const frontend = `${address} . ${protocol} . ${port}`
  return [
    { set: setOf('service-affinity', family), element: `${frontend} : goto ${leads}` },
    { set: setOf('service-affinity-learn', family), element: `${frontend} : goto ${learns}` },
  ]
}

/** Which endpoints clients may be led to, and have come from. */
export function affinityElements(target: Target, backends: readonly Backend[]): SetElement[] {
  const { port, address, numbers } = target
  const family = familyOf(address)
  const frontend = `${address} . ${port.protocol} . ${port.port}`
  return backends.flatMap((backend) => {
    const number = numbers.get(nameOf(backend))
    if (number === undefined) return []
    const endpoint = `${backend.address} . ${backend.port}`
    return [
      {
        set: setOf('service-affinity-numbers', family),
        element: `${frontend} . ${endpoint} : ${markText(number)}`,
      },
      { set: setOf('service-affinity-endpoints', family), element: `${frontend} . ${number} : ${endpoint}` },
    ]
  })
}

function nameOf({ address, port }: Pick<Backend, 'address' | 'port'>): string {
  return `${address} ${port}`
}

function asMark(number: number): number {
  const low = number & ((1 << LOW_BITS) - 1)
  return MARK_BASE + ((number >> LOW_BITS) << 16) + low
}
