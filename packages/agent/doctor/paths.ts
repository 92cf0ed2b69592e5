/** Tries the ways to other nodes with packets as large as those of pods, and with small ones. */
import { FAMILIES, familyOf } from '@podroute/address/address.ts'
import type { PathOutcome, PathProbe } from '@podroute/linux/path-probe.ts'
import type { ClusterFacts, LinkFacts, PathFacts } from './facts.ts'

/** Of a large cluster's nodes: links between two nodes are seldom of their own. */
const MOST_NODES = 8
/** What every link takes (RFC 8200), less than what any pod's interface has. */
const SMALL = 1280
const PATIENCE = 1000

export interface PathsOptions {
  readonly nodeName: string | undefined
  readonly bridge: string
  readonly links: readonly LinkFacts[]
  readonly cluster: ClusterFacts
  readonly netns: string | undefined
  readonly probe: (probe: PathProbe) => Promise<PathOutcome>
}

export async function tryPaths(options: PathsOptions): Promise<readonly PathFacts[]> {
  const { nodeName, bridge, links, cluster, netns, probe } = options
  // Without the bridge there are no pods that send anything.
  const size = links.find(({ name }) => name === bridge)?.mtu ?? SMALL
  const others = cluster.nodes.filter(({ name }) => name !== nodeName).slice(0, MOST_NODES)
  const targets = others.flatMap(({ name, addresses }) =>
    firstOfFamilies(addresses).map((address) => ({ node: name, address })),
  )
  return Promise.all(
    targets.map(async (target) => {
      const send = (size: number) => probe({ address: target.address, size, patience: PATIENCE, netns })
      const small = await send(SMALL)
      return { ...target, size, small, large: size > SMALL ? await send(size) : small }
    }),
  )
}

function firstOfFamilies(addresses: readonly string[]): readonly string[] {
  return FAMILIES.flatMap((family) => addresses.find((address) => familyOf(address) === family) ?? [])
}
