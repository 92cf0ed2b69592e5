/** What a client from outside meets at each address of a Service, by what the kernel has of its frontends. */
import type { Service } from '@podroute/cluster/objects/service.ts'
import type { AddressKind, Answer, ServedAddress } from '@podroute/feature/served-addresses.ts'
import { destinationKey } from '@podroute/kernel/ipvs/keys.ts'
import { elementKey } from '@podroute/kernel/nft/element.ts'
import type { FrontendTables } from './claims/frontends.ts'
import type { Frontend, Origin } from './plan/frontend.ts'

/** NodePorts are at addresses of the node. */
const KINDS: Readonly<Record<Origin, AddressKind | undefined>> = {
  'cluster-ip': 'cluster-ip',
  'external-ip': 'external-ip',
  'load-balancer': 'load-balancer-ip',
  'node-port': undefined,
}

/** Of several ports of an address the best one counts. */
const BEST_FIRST: readonly Answer[] = ['serving', 'leaving', 'pending', 'none']

/** @param frontends those that the Service holds */
export function servedAddresses(
  { internalPolicy, externalPolicy }: Pick<Service, 'internalPolicy' | 'externalPolicy'>,
  frontends: readonly Frontend[],
  tables: FrontendTables,
): ServedAddress[] {
  const found = new Map<string, ServedAddress>()
  for (const frontend of frontends) {
    const kind = KINDS[frontend.origin]
    if (kind === undefined || frontend.draining) continue
    const { address } = frontend
    const key = `${kind} ${address}`
    const answer = answerOf(frontend, tables)
    const before = found.get(key)
    if (before && BEST_FIRST.indexOf(before.answer) <= BEST_FIRST.indexOf(answer)) continue
    const policy = kind === 'cluster-ip' ? internalPolicy : externalPolicy
    found.set(key, { address, kind, policy, answer })
  }
  return [...found.values()]
}

function answerOf(frontend: Frontend, tables: FrontendTables): Answer {
  const clients = frontend.outside ?? frontend
  if (clients.destinations.length === 0) return 'none'
  if (!isInKernel(clients, tables) || !hasVip(frontend, tables)) return 'pending'
  return clients.leaving ? 'leaving' : 'serving'
}

/** One endpoint is enough; without one of the elements packets take another way. */
function isInKernel({ key, destinations, elements }: Frontend, tables: FrontendTables): boolean {
  return (
    tables.servers.acknowledged(key) !== undefined &&
    destinations.some(
      (one) => (tables.destinations.acknowledged(destinationKey(key, one))?.destination.weight ?? 0) > 0,
    ) &&
    elements.every((element) => tables.elements.acknowledged(elementKey(element)) !== undefined)
  )
}

function hasVip({ vip }: Frontend, { vips }: FrontendTables): boolean {
  return vip === undefined || vips.acknowledged(vip) !== undefined
}
