/** What the proxy does for each Service, for people to read. */
import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { Status } from '@podroute/reconcile/status.ts'
import type { Frontends } from './claims/frontends.ts'
import type { Frontend, Origin } from './plan/frontend.ts'

export interface ServiceSnapshot {
  readonly service: ServiceKey
  readonly state: Status['state']
  /** For how long it is so, in whole seconds; undefined where that is not known. */
  readonly seconds: number | undefined
  /** Why it is not in place, and what of it cannot be used. */
  readonly reasons: readonly string[]
  readonly frontends: readonly FrontendSnapshot[]
}

export interface FrontendSnapshot {
  readonly origin: Origin
  /** `outside`: only clients that are neither pods nor this node; the frontend of `all` beside it is for those then. */
  readonly clients: 'all' | 'outside'
  readonly port: string
  readonly protocol: string
  readonly address: string
  readonly number: number
  readonly scheduler: string
  /** `10.244.1.5:8080`, IPv6 in brackets. */
  readonly endpoints: readonly string[]
  /** Which clients endpoints see with the node's address. */
  readonly masqueraded: 'all' | 'no-pods' | 'none'
}

export interface SnapshotSource {
  readonly services: Iterable<Service>
  readonly frontends: Frontends
  statusOf(key: ServiceKey): Status
  /** Of the clock that states have their times of, in milliseconds. */
  readonly now: number
}

export function snapshotOf({ services, frontends, statusOf, now }: SnapshotSource): ServiceSnapshot[] {
  return [...services].map(({ key }) => {
    const { state, since, reasons } = statusOf(key)
    return {
      service: key,
      state,
      seconds: since === undefined ? undefined : Math.floor((now - since) / 1000),
      reasons,
      frontends: frontends
        .of(key)
        .flatMap((frontend) => (frontend.outside ? [frontend, frontend.outside] : [frontend]))
        .map(frontendSnapshot),
    }
  })
}

function frontendSnapshot(frontend: Frontend): FrontendSnapshot {
  const { origin, portName, address, port, protocol, server, destinations, elements } = frontend
  return {
    origin,
    clients: server.fwmark === undefined ? 'all' : 'outside',
    port: portName,
    protocol,
    address,
    number: port,
    scheduler: server.scheduler,
    endpoints: destinations.map(({ address, port }) => withPort(address, port)),
    masqueraded: masqueradedBy(elements),
  }
}

function masqueradedBy(elements: Frontend['elements']): FrontendSnapshot['masqueraded'] {
  const isIn = (set: string) => elements.some((one) => one.set.startsWith(set))
  // In the order of the rules.
  if (isIn('service-direct')) return 'none'
  return isIn('service-masquerade') ? 'all' : 'no-pods'
}

function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
