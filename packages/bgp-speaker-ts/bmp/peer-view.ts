// One BGP peer as a collector is told of it: what it was told last, and what there is to tell.
import type { Family } from '../config.ts'
import { encodeMessage } from '../packet/message.ts'
import { isPermanent, type Notification, toHardReset } from '../packet/notification.ts'
import type { EndReason } from '../peer/fsm/fsm-state.ts'
import type { FamilyRib } from '../rib/family-rib.ts'
import type { Source } from '../rib/source.ts'
import { Changes } from './changes.ts'
import { type BmpMessage, type BmpPeer, type BmpStatistic, PEER_DOWN, STATISTIC } from './messages.ts'
import type { ObservedSession } from './observer.ts'

type PeerDown = Pick<Extract<BmpMessage, { kind: 'peer-down' }>, 'reason' | 'data'>

const NOTHING = new Uint8Array(0)
const bytesOf = (text = '') => Uint8Array.from(text, (character) => character.charCodeAt(0))

export class PeerView {
  readonly source: Source
  /** undefined: the session is over, and the collector still has to be told. */
  session: ObservedSession | undefined
  /** As it is told; undefined: the collector was told of no session, or of its end. */
  told: BmpPeer | undefined
  /** The end of the session that the collector was told of. */
  down: PeerDown | undefined
  readonly changes: Readonly<Record<Family, Changes>> = {
    'ipv4-unicast': new Changes(),
    'ipv6-unicast': new Changes(),
  }
  /** Families whose End-of-RIB follows their changes. */
  readonly ends = new Set<Family>()
  /** It tells what was there before, so that the time of it is not known. */
  dumping = false

  constructor(source: Source) {
    this.source = source
  }

  /** Prefixes whose paths it has yet to tell. */
  get waiting(): number {
    return this.changes['ipv4-unicast'].size + this.changes['ipv6-unicast'].size
  }

  /** Whether there is anything to tell. */
  get pending(): boolean {
    if (this.down !== undefined) return true
    return this.session !== undefined && (this.told === undefined || this.ends.size > 0 || this.waiting > 0)
  }

  /** All paths of the peer in a family are told anew. */
  noteAll({ family, paths }: FamilyRib): void {
    for (let path = paths.first(this.source.index); path >= 0; path = paths.following(path))
      this.changes[family].note(paths.prefix[path]!, paths.pathId(path))
  }

  /** It tells what was there before the collector came: End-of-RIB says when that is over (RFC 7854 section 5). */
  dump(): void {
    this.dumping = true
    for (const family of this.session?.negotiated.families ?? []) this.ends.add(family)
  }

  /** The session that the collector knows, or has yet to know, is over. */
  ended(session: ObservedSession, reason: EndReason): void {
    this.session = undefined
    this.ends.clear()
    if (this.told !== undefined) this.down = peerDown(session, reason)
  }

  /** @param time of the routes; 0: not known */
  header(session: ObservedSession, time: number): BmpPeer {
    return {
      type: 0,
      address: session.wire.connection.remoteAddress,
      asn: session.asn,
      routerId: session.source.routerId,
      distinguisher: '0'.repeat(16),
      postPolicy: false,
      // Whatever the session's is, our UPDATEs have four bytes.
      twoByteAsPath: false,
      adjRibOut: false,
      time,
    }
  }
}

export function peerUp(session: ObservedSession, peer: BmpPeer): BmpMessage {
  const { connection, opens } = session.wire
  return {
    kind: 'peer-up',
    peer,
    localAddress: connection.localAddress,
    localPort: connection.localPort ?? 0,
    remotePort: connection.remotePort,
    sentOpen: bytesOf(opens?.sent),
    receivedOpen: bytesOf(opens?.received),
  }
}

function peerDown({ negotiated }: ObservedSession, reason: EndReason): PeerDown {
  if (reason.kind === 'closed') return { reason: PEER_DOWN.REMOTE_CLOSED, data: NOTHING }
  if (reason.kind === 'received')
    return { reason: PEER_DOWN.REMOTE_NOTIFICATION, data: encoded(reason.notification) }
  // As it was sent: a permanent end goes inside a hard reset where the N bit was negotiated (RFC 8538 section 4).
  const hard = negotiated.gracefulRestart?.notification === true && isPermanent(reason.notification)
  const sent = hard ? toHardReset(reason.notification) : reason.notification
  return { reason: PEER_DOWN.LOCAL_NOTIFICATION, data: encoded(sent) }
}

function encoded({ code, subcode, data }: Notification): Uint8Array {
  return encodeMessage({ kind: 'notification', code, subcode, data })
}

export function statisticsOf(session: ObservedSession): readonly BmpStatistic[] {
  const { rejected, treatedAsWithdraw } = session.counters.snapshot()
  const { received } = session.ingest
  return [
    { type: STATISTIC.CLUSTER_LOOPS, value: rejected['cluster-loop'] ?? 0 },
    { type: STATISTIC.AS_LOOPS, value: rejected['as-loop'] ?? 0 },
    { type: STATISTIC.ORIGINATOR_LOOPS, value: rejected['originator-loop'] ?? 0 },
    { type: STATISTIC.ADJ_RIB_IN, value: received['ipv4-unicast'] + received['ipv6-unicast'] },
    ...session.negotiated.families.map((family) => ({
      type: STATISTIC.ADJ_RIB_IN_OF_FAMILY,
      value: received[family],
      family,
    })),
    { type: STATISTIC.TREATED_AS_WITHDRAW, value: treatedAsWithdraw },
    { type: STATISTIC.ADJ_RIB_OUT, value: session.advertised },
  ]
}
