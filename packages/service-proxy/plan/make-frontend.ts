/** From a target and its endpoints to a frontend: what ClusterIPs, NodePorts and addresses from outside share. */

import type { Family } from '@podroute/address/address.ts'
import { familyOf } from '@podroute/address/address.ts'
import type { Backend } from '@podroute/cluster/endpoints/choose.ts'
import { FLAG_OURS, serverKey } from '@podroute/kernel/ipvs/keys.ts'
import type { VirtualServer } from '@podroute/kernel/kernel.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import { FLAG_PERSISTENT, FLAG_SCHED_1 } from '@podroute/linux/ipvs/ipvs.ts'
import { tuningOf } from '../parse/annotations.ts'
import { setOf } from '../rules/sets.ts'
import { DEFAULT_SCHEDULER } from '../settings.ts'
import { affinityElements, affinityOf, leadElements, shortAffinity } from './affinity.ts'
import type { Frontend, Origin } from './frontend.ts'
import { elementOf, type Target } from './target.ts'

/** @param more elements beside those that every frontend has. */
export function makeFrontend(
  origin: Origin,
  target: Target,
  backends: readonly Backend[],
  more: readonly SetElement[] = [],
): Frontend {
  const { service, port, address, context } = target
  const server = serverOf(target)
  // A node that claims a ClusterIP as its own address does not keep it from being one.
  const vip = origin !== 'cluster-ip' && context.nodeAddresses.has(address) ? undefined : address
  const affinity = affinityOf(target)
  return {
    key: serverKey(server),
    origin,
    portName: port.name,
    created: service.created,
    address,
    port: port.port,
    protocol: port.protocol,
    drain: drainOf(target),
    server,
    destinations: backends.map(toDestination),
    ...leaving(backends),
    elements: [
      ...vipElements(vip, target),
      ...hairpinElements(target, backends),
      ...(backends.length === 0 ? [elementOf('service-refused', target)] : []),
      ...affinityElements(target, backends),
      ...(affinity ? leadElements(affinity) : []),
      ...more,
    ],
    ...(affinity && { affinity }),
    vip,
  }
}

/** A virtual server beside the one of the address, for the packets that rules mark: another choice of endpoints for some clients. */
export function makeMarkedFrontend(
  origin: Origin,
  target: Target,
  backends: readonly Backend[],
  elements: (mark: number) => readonly SetElement[],
): Frontend {
  const plain = serverOf(target)
  const mark = target.context.markOf(serverKey(plain))
  const address = plain.family === 4 ? '0.0.0.0' : '::'
  const server: VirtualServer = { ...plain, protocol: 'tcp', address, port: 0, fwmark: mark }
  return {
    key: serverKey(server),
    origin,
    portName: target.port.name,
    created: target.service.created,
    address: target.address,
    port: target.port.port,
    protocol: target.port.protocol,
    drain: drainOf(target),
    server,
    destinations: backends.map(toDestination),
    ...leaving(backends),
    elements: [...elements(mark), ...affinityElements(target, backends)],
    vip: undefined,
  }
}

function leaving(backends: readonly Backend[]): Pick<Frontend, 'leaving'> {
  return backends.length > 0 && !backends.some(({ endpoint }) => endpoint.ready) ? { leaving: true } : {}
}

function serverOf({ service, port, address, context }: Target): VirtualServer {
  const { affinity } = service
  const tuning = tuningOf(service)
  const missing = context.missingSchedulers.has(tuning.scheduler)
  // Else new clients whose hash leads to an endpoint that drains are refused.
  const fallback = HASHING_WITH_FALLBACK.has(tuning.scheduler) ? FLAG_SCHED_1 : 0
  const persistent = affinity.kind === 'client-ip' && shortAffinity(service) === undefined
  return {
    family: familyOf(address),
    protocol: port.protocol,
    address,
    port: port.port,
    scheduler: missing ? DEFAULT_SCHEDULER : tuning.scheduler,
    flags: FLAG_OURS | (missing ? 0 : tuning.schedulerFlags | fallback) | (persistent ? FLAG_PERSISTENT : 0),
    timeout: persistent ? affinity.seconds : 0,
  }
}

/** Schedulers that take another endpoint, with `sh-fallback` or `mh-fallback`, where the one that they chose has weight 0. */
const HASHING_WITH_FALLBACK: ReadonlySet<string> = new Set(['sh', 'mh'])

/** With `dh` there is no other endpoint: while one had weight 0 all new clients were refused. */
function drainOf({ service, context }: Target): number | undefined {
  const { scheduler, drain } = tuningOf(service)
  return scheduler === 'dh' && !context.missingSchedulers.has(scheduler) ? 0 : drain
}

function toDestination(backend: Backend): Frontend['destinations'][number] {
  return { address: backend.address, port: backend.port, weight: 1, forwarding: 'masquerade' }
}

/** The node's own addresses have ports of their own: nothing is refused there. */
function vipElements(vip: string | undefined, target: Target): SetElement[] {
  if (vip === undefined) return []
  return [{ set: setOf('service-vips', familyOf(vip)), element: vip }, elementOf('service-ports', target)]
}

/** Only an endpoint on this node can reach itself through this node. */
function hairpinElements({ service, address }: Target, backends: readonly Backend[]): SetElement[] {
  if (!tuningOf(service).hairpin) return []
  const family: Family = familyOf(address)
  const local = new Set(backends.filter((backend) => backend.local).map((backend) => backend.address))
  return [...local].map((endpoint) => ({
    set: setOf('service-hairpin', family),
    element: `${endpoint} . ${endpoint}`,
  }))
}
