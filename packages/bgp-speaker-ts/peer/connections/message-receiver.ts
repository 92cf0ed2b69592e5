// Cuts the bytes of a peer's connection into messages: passes UPDATEs to the RIB, all others to the state machine.
import { NotificationError } from '../../errors.ts'
import type { Capability } from '../../packet/capabilities.ts'
import { CEASE, ERROR, HEADER_LENGTH, MESSAGE, OPEN_ERROR } from '../../packet/codes.ts'
import { decodeNotification } from '../../packet/notification.ts'
import { decodeOpen, type Open } from '../../packet/open.ts'
import { Reader } from '../../packet/reader.ts'
import { decodeRouteRefresh } from '../../packet/route-refresh.ts'
import type { FsmEvent, Side } from '../fsm/fsm-state.ts'
import type { PeerCounters } from '../peer-counters.ts'
import { negotiate } from '../session/negotiation.ts'
import type { Session } from '../session/session.ts'
import type { SpeakerContext } from '../speaker-context.ts'
import type { Wire } from './wire.ts'

/** The peer that sent the messages. */
export interface RemotePeer {
  readonly speaker: SpeakerContext
  readonly counters: PeerCounters
  /** Its name, for the log. */
  readonly name: string
  readonly session: Session | undefined
  /** Capabilities of our OPEN. */
  capabilities(): readonly Capability[]
  dispatch(event: FsmEvent): void
}

/** `age`: milliseconds since the last of the bytes arrived, at most. */
export function receiveMessages(peer: RemotePeer, wire: Wire, bytes: Uint8Array, age: number): void {
  const { speaker, counters } = peer
  wire.receivedAt = Math.max(wire.receivedAt, speaker.clock.now() - age)
  // Most of what comes in is a KEEPALIVE of a session that is there: it changes nothing that a flush would send.
  let quiet = true
  try {
    wire.framer.push(bytes, (buffer, type, start, end) => {
      counters.messagesReceived++
      // The hold timer goes by `receivedAt`.
      if (type === MESSAGE.KEEPALIVE && peer.session?.wire === wire) return true
      quiet = false
      // It may be what makes this connection the session.
      if (peer.session?.wire !== wire && (type === MESSAGE.UPDATE || type === MESSAGE.ROUTE_REFRESH))
        peer.dispatch({ kind: 'unexpected', side: wire.side })
      const { session } = peer
      if (type === MESSAGE.UPDATE && session?.wire === wire) {
        counters.updatesReceived++
        speaker.rib.ingest.update(session.ingest, buffer, start + HEADER_LENGTH, end)
      } else if (wire.open) {
        if (type === MESSAGE.OPEN && wire.opens !== undefined)
          wire.opens.received = String.fromCharCode(...buffer.subarray(start, end))
        dispatchMessage(peer, wire, type, new Reader(buffer, start + HEADER_LENGTH, end))
      }
      return wire.open
    })
  } catch (error) {
    quiet = false
    failSession(peer, wire, error)
  }
  if (!quiet) speaker.rib.schedule()
}

function failSession(peer: RemotePeer, { side }: Wire, error: unknown): void {
  if (error instanceof NotificationError) {
    peer.dispatch({ kind: 'bad-message', side, error })
    return
  }
  // Our own fault: it ends this session and not the process.
  peer.speaker.log.error('cannot process a message', { peer: peer.name, error })
  const ours = new NotificationError(ERROR.CEASE, CEASE.OUT_OF_RESOURCES, String(error))
  peer.dispatch({ kind: 'bad-message', side, error: ours })
}

function dispatchMessage(peer: RemotePeer, wire: Wire, type: number, reader: Reader): void {
  const { side } = wire
  const { session } = peer
  if (type === MESSAGE.KEEPALIVE) peer.dispatch({ kind: 'keepalive', side })
  else if (type === MESSAGE.NOTIFICATION)
    peer.dispatch({ kind: 'notification', side, notification: decodeNotification(reader) })
  else if (type === MESSAGE.OPEN) dispatchOpen(peer, side, decodeOpen(reader))
  else if (type === MESSAGE.ROUTE_REFRESH && session?.wire === wire)
    session.refresh(decodeRouteRefresh(reader))
  else peer.dispatch({ kind: 'unexpected', side })
}

function dispatchOpen(peer: RemotePeer, side: Side, open: Open): void {
  if (negotiate(peer.capabilities(), open).families.length > 0) {
    peer.dispatch({ kind: 'open', side, open })
    return
  }
  const error = new NotificationError(ERROR.OPEN, OPEN_ERROR.CAPABILITY, 'no common address family')
  peer.dispatch({ kind: 'bad-message', side, error })
}
