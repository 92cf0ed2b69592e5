// The short table at the end: nodes, their pod ranges, peers, routes, services.

import { FAMILIES, NODES, primaryOf } from '../addresses.ts'
import { kubectlJson, type NodeView, nodes } from './cluster.ts'
import { frrPeers, frrRoutes, kernelRoutes } from './routing.ts'

/** Columns as wide as their widest cell. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

interface ApiService {
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec: {
    readonly type: string
    readonly clusterIP: string
    readonly ports?: readonly {
      readonly port: number
      readonly protocol: string
      readonly nodePort?: number
    }[]
  }
}

async function serviceRows(): Promise<string[][]> {
  const { items } = await kubectlJson<{ items: ApiService[] }>(['get', 'services', '-A'])
  return items.map(({ metadata, spec }) => [
    `${metadata.namespace}/${metadata.name}`,
    spec.type,
    spec.clusterIP,
    (spec.ports ?? [])
      .map(
        ({ port, protocol, nodePort }) =>
          `${port}${nodePort === undefined ? '' : `:${nodePort}`}/${protocol}`,
      )
      .join(','),
  ])
}

async function nodeRow({ name, ready, podCIDRs }: NodeView): Promise<string[]> {
  const address = NODES.find((node) => node.name === name)
  const routes = [...(await kernelRoutes(name, 4)), ...(await kernelRoutes(name, 6))]
  const learned = routes.filter(({ gateway, dst }) => gateway !== undefined && dst !== 'default').length
  return [
    name,
    ready ? 'Ready' : 'NotReady',
    address ? primaryOf(address) : '',
    podCIDRs.join(' '),
    `${learned} learned`,
  ]
}

export async function summary(): Promise<string> {
  const nodeRows = await Promise.all((await nodes()).map(nodeRow))
  const peers = await frrPeers(FAMILIES.includes(4) ? 'ipv4' : 'ipv6')
  const routes = [...(await frrRoutes('ipv4')), ...(await frrRoutes('ipv6'))]
  return [
    formatTable([['NODE', 'STATE', 'ADDRESS', 'POD RANGES', 'ROUTES'], ...nodeRows]),
    formatTable([
      ['ROUTER’S PEER', 'STATE', 'PREFIXES'],
      ...peers.map(({ address, state, prefixesReceived }) => [address, state, String(prefixesReceived)]),
    ]),
    formatTable([
      ['ROUTER’S ROUTE', 'VIA', 'AS PATH'],
      ...routes.map(({ prefix, nextHops, asPath }) => [prefix, nextHops.join(' '), asPath]),
    ]),
    formatTable([['SERVICE', 'TYPE', 'CLUSTER IP', 'PORTS'], ...(await serviceRows())]),
  ].join('\n\n')
}
