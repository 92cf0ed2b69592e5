// Every name, address and number of the lab: docker-compose.yaml's variables, the nodes, the router, the client.

import { LabError } from './errors.ts'

export interface NodeAddresses {
  readonly name: string
  readonly ipv4: string
  readonly ipv6: string
  readonly mac: string
  readonly tap: string
}

/** Another lab runs beside this one with another name in `PODROUTE_LAB`. */
const NAME = process.env.PODROUTE_LAB || 'podroute'

/** Network namespaces: nodes' network and control plane; router; client behind the router. */
export const LAB_NAMESPACE = `${NAME}-lab`
export const ROUTER_NAMESPACE = `${NAME}-router`
export const OUTSIDE_NAMESPACE = `${NAME}-outside`

export type Family = 4 | 6

/** Families of nodes, pods and Services: those that the environment asks for, both by default. */
export function labFamilies(environment: NodeJS.ProcessEnv = process.env): readonly Family[] {
  const wanted = environment.PODROUTE_LAB_FAMILY || 'both'
  if (wanted === 'both') return [4, 6]
  if (wanted === '4' || wanted === '6') return [wanted === '4' ? 4 : 6]
  throw new LabError('bad-usage', `PODROUTE_LAB_FAMILY is "${wanted}": 4, 6 or both`)
}

export const FAMILIES = labFamilies()
const PRIMARY = FAMILIES[0]!

/** The one by which a thing is called where one is enough. */
export function primaryOf({ ipv4, ipv6 }: { readonly ipv4: string; readonly ipv6: string }): string {
  return PRIMARY === 4 ? ipv4 : ipv6
}

const ofFamilies = (ranges: readonly [string, string]): readonly string[] =>
  FAMILIES.map((family) => ranges[family === 4 ? 0 : 1])

export const BRIDGE = 'br-nodes'
/** Of the machine that the control plane runs on, which has both. */
export const API_ADDRESSES = { ipv4: '172.30.0.1', ipv6: 'fd30::1' } as const
export const API_ADDRESS = primaryOf(API_ADDRESSES)
export const API_PORT = 6443

/** The nodes' network: /24 and /64. */
export const ROUTER = { ipv4: '172.30.0.100', ipv6: 'fd30::100', asn: 65000 } as const
/** Behind the router: /24 and /64. */
export const OUTSIDE_GATEWAY = { ipv4: '172.31.0.1', ipv6: 'fd31::1' } as const
/** What the router announces. */
export const OUTSIDE_PREFIXES = ['172.31.0.0/24', 'fd31::/64'] as const
export const OUTSIDE = { ipv4: '172.31.0.10', ipv6: 'fd31::10' } as const

export const CLUSTER_ASN = 64512
export const CLUSTER_CIDRS = ['10.244.0.0/16', 'fd10:244::/56'] as const
export const SERVICE_CIDRS = ['10.96.0.0/16', 'fd10:96::/112'] as const
/** What the control plane gives pods and Services addresses of. */
export const CLUSTER_RANGES = ofFamilies(CLUSTER_CIDRS)
export const SERVICE_RANGES = ofFamilies(SERVICE_CIDRS)

/** How many nodes the environment asks for, 3 by default; addresses are there for 20. */
export function nodeCount(environment: NodeJS.ProcessEnv = process.env): number {
  const wanted = Number(environment.PODROUTE_LAB_NODES || 3)
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= 20) return wanted
  throw new LabError('bad-usage', `PODROUTE_LAB_NODES is "${environment.PODROUTE_LAB_NODES}": 1 to 20 nodes`)
}

export const NODE_COUNT = nodeCount()

/** Nodes count from 1. */
export function nodeAddresses(index: number): NodeAddresses {
  return {
    name: `node-${index}`,
    ipv4: `172.30.0.${10 + index}`,
    ipv6: `fd30::${10 + index}`,
    mac: `52:54:00:30:00:${(10 + index).toString(16).padStart(2, '0')}`,
    tap: `tap-node-${index}`,
  }
}

export const NODES: readonly NodeAddresses[] = Array.from({ length: NODE_COUNT }, (_, index) =>
  nodeAddresses(index + 1),
)
