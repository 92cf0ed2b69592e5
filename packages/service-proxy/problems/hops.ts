/** What becomes of a packet to an address of a Service: the virtual server that takes it, and its endpoints, or why none does. Pure. */
import { canonicalAddress, splitZone } from '@podroute/address/address.ts'
import type { Hop, HopsTo } from '@podroute/feature/page.ts'
import type { FrontendSnapshot, ServiceSnapshot } from '../snapshot.ts'

export interface ServedServices {
  /** The Service that asks for the address. */
  readonly owner: string | undefined
  readonly services: readonly ServiceSnapshot[]
  /** Somebody else whose the address is. */
  holderOf(address: string): string | undefined
}

export function serviceHops({ address, port }: HopsTo, served: ServedServices): readonly Hop[] {
  const all = served.services.flatMap((service) =>
    service.frontends.filter((one) => one.address === address).map((frontend) => ({ service, frontend })),
  )
  const found = all.filter(({ frontend }) => port === undefined || frontend.number === port)
  if (found.length > 0) return found.map(({ service, frontend }) => hopOf(service, frontend))
  const owner = all[0]?.service.service ?? served.owner
  return owner === undefined
    ? []
    : [
        unserved(
          owner,
          { address, port },
          served,
          all.map(({ frontend }) => frontend.number),
        ),
      ]
}

function hopOf({ service, state, reasons }: ServiceSnapshot, frontend: FrontendSnapshot): Hop {
  const { protocol, address, number, scheduler, endpoints, clients, masqueraded } = frontend
  const outside = clients === 'outside' ? ', for clients from outside' : ''
  const nobody =
    endpoints.length === 0
      ? 'no endpoint is ready: clients are refused; look at the pods that the Service selects'
      : ''
  return {
    step: 'virtual server',
    detail: `${protocol} ${address} ${number} of ${service}, ${scheduler}${outside}: ${endpoints.length} endpoints; ${MASQUERADED[masqueraded]}`,
    problem: state === 'failed' || state === 'refused' ? `${state}: ${reasons.join('; ')}` : nobody,
    next: endpoints.flatMap(endpointOf),
    protocol: protocol.toLowerCase(),
  }
}

/** A pod that reaches itself always is: its own answer would not come back to what it asked. */
const MASQUERADED: Readonly<Record<FrontendSnapshot['masqueraded'], string>> = {
  all: 'every client is masqueraded',
  'no-pods': 'clients that are no pods are masqueraded',
  none: 'no client is masqueraded',
}

function unserved(
  service: string,
  { address, port }: HopsTo,
  { services, holderOf }: ServedServices,
  ports: readonly number[],
): Hop {
  const holder = holderOf(address)
  const reasons = services.find((one) => one.service === service)?.reasons ?? []
  const why =
    ports.length > 0
      ? `no port ${port}, there are ${[...new Set(ports)].join(', ')}`
      : holder !== undefined
        ? `the address is reserved: ${holder}`
        : reasons.join('; ') || 'it is not served here'
  return { step: 'service', detail: service, problem: why }
}

/** `10.244.1.5:8080`, IPv6 in brackets. */
function endpointOf(text: string): HopsTo[] {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? []
  const address = canonicalAddress(splitZone(host).address)
  return address === undefined ? [] : [{ address, port: Number(port) }]
}
