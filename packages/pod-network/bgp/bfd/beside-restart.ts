/** Says where BFD and graceful restart are combined: some routers take an agent that ends for a dead machine then. */
import type { SummaryLine } from '@podroute/feature/page.ts'
import type { NamedPeer } from '../../snapshot.ts'

type Peer = Pick<NamedPeer, 'name' | 'kind' | 'bfd' | 'capabilities'>

/** A line of `podroute status`, where there are such routers. Agents of nodes know BFD of an agent that ends from that of a dead one. */
export function besideRestart(peers: readonly Peer[]): readonly SummaryLine[] {
  const both = peers.filter(
    ({ kind, bfd, capabilities }) =>
      kind === 'external' && bfd !== undefined && capabilities?.gracefulRestart !== undefined,
  )
  if (both.length === 0) return []
  const names = both.map(({ name }) => name).join(', ')
  return [
    ['BFD beside graceful restart', `${names}: routers differ in what a restart costs, see docs/routers.md`],
  ]
}
