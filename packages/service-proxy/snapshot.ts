/** What the proxy does for each Service, for people to read. */
import type { Frontends } from './claims/frontends.ts'
import type { Origin } from './plan/frontend.ts'
import type { ServiceIndex } from './service-index.ts'
import type { ServiceKey } from './types.ts'

export interface ServiceSnapshot {
  readonly service: ServiceKey
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
}

export function snapshotOf(index: ServiceIndex, frontends: Frontends): readonly ServiceSnapshot[] {
  return [...index.services()].map(({ key }) => ({
    service: key,
    frontends: frontends
      .of(key)
      .map(({ origin, portName, address, port, protocol, server, destinations }) => ({
        origin,
        clients: server.fwmark === undefined ? 'all' : 'outside',
        port: portName,
        protocol,
        address,
        number: port,
        scheduler: server.scheduler,
        endpoints: destinations.map(({ address, port }) => withPort(address, port)),
      })),
  }))
}

function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
