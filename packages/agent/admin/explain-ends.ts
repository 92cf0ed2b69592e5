/** Who is meant by the words of `podroute explain`: an address, a Service or a pod, with a port. Pure. */
import { canonicalAddress } from '@podroute/address/address.ts'
import type { ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'

/** A pod as far as its way goes. */
export interface KnownPod {
  /** `namespace/name` */
  readonly key: string
  readonly node: string
  /** Canonical. */
  readonly addresses: readonly string[]
}

export interface End {
  readonly addresses: readonly string[]
  readonly pod?: KnownPod
  /** A Service without an address of its own. */
  readonly headless?: string
  /** Its ports by their names. */
  readonly ports: ReadonlyMap<string, number>
}

export type Known = Pick<ClusterView, 'pods' | 'services'>

const NO_PORTS: ReadonlyMap<string, number> = new Map()

/** `default/web:80`, `10.96.0.10:53/udp`, `[fd10::1]:443`, `shop/web:http`; the port is '' where there is none. */
export function splitPort(text: string): { readonly name: string; readonly port: string } {
  const whole = canonicalAddress(text)
  if (whole !== undefined) return { name: whole, port: '' }
  const [, bracketed, plain = '', port = ''] = /^(?:\[(.+)\]|([^:]+))(?::(.+))?$/.exec(text) ?? []
  const name = bracketed ?? plain
  return { name: canonicalAddress(name) ?? name, port }
}

/** Undefined: nobody is known by that name. A Service comes before a pod of the same name. */
export function endOf(name: string, { pods, services }: Known, found: readonly KnownPod[]): End | undefined {
  const all = [...found, ...pods.values()]
  const address = canonicalAddress(name)
  if (address !== undefined) {
    const pod = all.find(({ addresses }) => addresses.includes(address))
    return { addresses: [address], ...(pod ? { pod } : {}), ports: NO_PORTS }
  }
  const service = services.get(name as ServiceKey)
  if (service) {
    const ports = new Map(service.ports.map(({ name: of, port }) => [of, port]))
    const headless = service.clusterIPs.length === 0 ? { headless: name } : {}
    return { addresses: service.clusterIPs, ports, ...headless }
  }
  const pod = all.find(({ key }) => key === name)
  if (!pod) return undefined
  const named = pods.get(name)?.ports ?? []
  return { addresses: pod.addresses, pod, ports: new Map(named.map(({ name: of, port }) => [of, port])) }
}

/** Undefined: none is given. @throws Error that says what a port looks like */
export function portNumber(text: string, { ports }: End): number | undefined {
  if (text === '') return undefined
  const [first = ''] = text.toLowerCase().split('/')
  const port = ports.get(first) ?? Number(first)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`not a port: ${text}: give 80, 53/udp, or the name of a port of the pod or Service`)
  return port
}

/** `udp`, where the port says so. */
export function protocolOf(port: string): string {
  return port.split('/')[1]?.toLowerCase() ?? 'tcp'
}
