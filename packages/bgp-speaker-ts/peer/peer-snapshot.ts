// Builds the API's snapshot of a peer.
import { formatId } from '../address.ts'
import type { Family, PeerConfig } from '../config.ts'
import { familyOf } from '../packet/families.ts'
import { peerName } from '../peer-name.ts'
import type {
  DownReason,
  FamilyCounts,
  PeerCapabilities,
  PeerSnapshot,
  PeerState,
  PrefixCounts,
} from '../snapshot.ts'
import type { PeerCounters } from './peer-counters.ts'
import type { Negotiated } from './session/negotiation.ts'
import type { RetainedRoutes } from './session/retention.ts'
import type { Session } from './session/session.ts'

export interface SnapshotParts {
  readonly config: PeerConfig
  readonly state: PeerState
  readonly session: Session | undefined
  readonly retained: RetainedRoutes | undefined
  readonly counters: PeerCounters
  readonly lastDown: DownReason | undefined
  /** The peer's address; undefined while an unnumbered peer has not been found. */
  readonly remote: string | undefined
}

export function snapshotOf(parts: SnapshotParts, now: number): PeerSnapshot {
  const { config, state, session, retained, counters, lastDown, remote } = parts
  const stale = session?.stale.families ?? retained?.families ?? []
  const longLived = retained?.longLived ?? []
  const role = session?.negotiated.role
  const connection = session?.wire.connection
  return {
    address: peerName(config),
    remoteAddress: connection?.remoteAddress ?? remote,
    asn: session?.asn ?? config.asn,
    state,
    uptime: session === undefined ? undefined : now - session.since,
    routerId: session === undefined ? undefined : formatId(session.source.routerId),
    localAddress: connection?.localAddress,
    holdTime: session === undefined ? undefined : session.hold / 1000,
    families: session?.negotiated.families ?? [],
    endOfRib: session?.endOfRib ?? [],
    ...(session === undefined ? {} : { capabilities: capabilitiesOf(session.negotiated) }),
    ...(role === undefined ? {} : { role }),
    ...(stale.length === 0 ? {} : { stale }),
    ...(longLived.length === 0 ? {} : { longLivedStale: longLived }),
    lastDown,
    counters: { ...counters.snapshot(), ...prefixCounts(config.families, session) },
  }
}

/** Of the families that are configured, whether or not there is a session. */
function prefixCounts(families: readonly Family[], session: Session | undefined): PrefixCounts {
  const counts = families.map((family) => ({
    family,
    received: session?.ingest.received[family] ?? 0,
    accepted: session?.ingest.accepted[family] ?? 0,
    advertised: session?.advertisedOf(family) ?? 0,
  }))
  const sum = (count: (of: FamilyCounts) => number) => counts.reduce((all, each) => all + count(each), 0)
  return {
    prefixesReceived: sum(({ received }) => received),
    prefixesAccepted: sum(({ accepted }) => accepted),
    prefixesAdvertised: sum(({ advertised }) => advertised),
    byFamily: counts,
  }
}

function capabilitiesOf(negotiated: Negotiated): PeerCapabilities {
  const { fourOctetAs, routeRefresh, enhancedRefresh, extendedMessages } = negotiated
  const { addPathReceive, addPathSend, gracefulRestart: restart, longLived } = negotiated
  return {
    ...{ fourOctetAs, routeRefresh, enhancedRefresh, extendedMessages, addPathReceive, addPathSend },
    ...(restart === undefined ? {} : { gracefulRestart: restartOf(restart) }),
    ...(longLived === undefined ? {} : { longLived: longLivedOf(longLived) }),
  }
}

function restartOf({ time, restarting, notification, families }: NonNullable<Negotiated['gracefulRestart']>) {
  const kept = families.filter(({ forwarding }) => forwarding).map(familyOf)
  return { time, restarting, notification, forwarding: kept.filter((family) => family !== undefined) }
}

function longLivedOf(families: NonNullable<Negotiated['longLived']>): PeerCapabilities['longLived'] & object {
  return Object.fromEntries(
    families.flatMap((entry) => {
      const family = familyOf(entry)
      return family === undefined ? [] : [[family, entry.time]]
    }),
  )
}
