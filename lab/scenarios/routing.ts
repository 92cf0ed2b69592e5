// Routes and sessions, as the router and the nodes' kernels see them.

import { runOnNode } from '../node/node.ts'
import { vtysh } from '../router.ts'
import { STATE } from '../state.ts'

export interface RouterRoute {
  readonly prefix: string
  readonly nextHops: readonly string[]
  readonly asPath: string
  /** Kept of a session that ended, until the node is back. */
  readonly stale: boolean
}

interface FrrTable {
  readonly routes: Readonly<
    Record<
      string,
      readonly {
        readonly path: string
        readonly stale?: boolean
        readonly nexthops: readonly { readonly ip: string }[]
      }[]
    >
  >
}

/** The BGP table of the router for one family, its own networks left out. */
export async function frrRoutes(family: 'ipv4' | 'ipv6' = 'ipv4'): Promise<RouterRoute[]> {
  const { routes } = JSON.parse(await vtysh(STATE, `show bgp ${family} unicast json`)) as FrrTable
  return Object.entries(routes)
    .map(([prefix, paths]) => ({
      prefix,
      nextHops: [...new Set(paths.flatMap(({ nexthops }) => nexthops.map(({ ip }) => ip)))],
      asPath: paths[0]?.path ?? '',
      stale: paths.some(({ stale }) => stale === true),
    }))
    .filter(({ asPath }) => asPath !== '')
}

export interface RouterPeer {
  readonly address: string
  readonly state: string
  readonly prefixesReceived: number
}

interface FrrSummary {
  readonly peers?: Readonly<Record<string, { readonly state: string; readonly pfxRcd?: number }>>
}

export async function frrPeers(family: 'ipv4' | 'ipv6' = 'ipv4'): Promise<RouterPeer[]> {
  const summary = JSON.parse(await vtysh(STATE, `show bgp ${family} unicast summary json`)) as FrrSummary
  return Object.entries(summary.peers ?? {}).map(([address, { state, pfxRcd }]) => ({
    address,
    state,
    prefixesReceived: pfxRcd ?? 0,
  }))
}

export interface KernelRoute {
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly protocol?: string
}

/** Routes of a node's main table, as iproute2 shows them. */
export async function kernelRoutes(node: string, family: 4 | 6 = 4): Promise<KernelRoute[]> {
  const { stdout } = await runOnNode(STATE, node, ['ip', '-json', `-${family}`, 'route', 'show'], {
    timeout: 30_000,
  })
  return JSON.parse(stdout) as KernelRoute[]
}
