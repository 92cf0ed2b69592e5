// What arrives on a peer's connections: UPDATEs to the RIB, all other messages to the state machine.
import { NotificationError } from '../../errors.ts'
import type { Capability } from '../../packet/capabilities.ts'
import { CEASE, ERROR, HEADER_LENGTH, MESSAGE, OPEN_ERROR } from '../../packet/codes.ts'
import { decodeNotification } from '../../packet/notification.ts'
import { decodeOpen, type Open } from '../../packet/open.ts'
import { Reader } from '../../packet/reader.ts'
import { decodeRouteRefresh } from '../../packet/route-refresh.ts'
import type { FsmEvent, Side } from '../fsm/fsm-state.ts'
import type { Tally } from '../peer-counters.ts'
import { negotiate } from '../session/negotiation.ts'
import type { Session } from '../session/session.ts'
import type { PeerHost } from '../speaker-context.ts'
import type { Wire } from './wire.ts'

/** The peer that the messages come from. */
export interface Sender {
  readonly host: PeerHost
  readonly tally: Tally
  /** Its name, for the log. */
  readonly name: string
  readonly session: Session | undefined
  /** What our OPEN offers. */
  capabilities(): readonly Capability[]
  dispatch(event: FsmEvent): void
}

export function receive(sender: Sender, wire: Wire, bytes: Uint8Array): void {
  const { host, tally } = sender
  wire.receivedAt = host.clock.now()
  try {
    wire.framer.push(bytes, (buffer, type, start, end) => {
      tally.messagesReceived++
      const { session } = sender
      if (type === MESSAGE.UPDATE && session?.wire === wire) {
        tally.updatesReceived++
        host.rib.ingest.update(session.ingest, buffer, start + HEADER_LENGTH, end)
      } else take(sender, wire, type, new Reader(buffer, start + HEADER_LENGTH, end))
      return wire.open
    })
  } catch (error) {
    fail(sender, wire, error)
  }
  host.rib.schedule()
}

function fail(sender: Sender, { side }: Wire, error: unknown): void {
  if (error instanceof NotificationError) {
    sender.dispatch({ kind: 'bad-message', side, error })
    return
  }
  // A fault of ours: it costs this session, not the process.
  sender.host.log.error('cannot process a message', { peer: sender.name, error })
  const ours = new NotificationError(ERROR.CEASE, CEASE.OUT_OF_RESOURCES, String(error))
  sender.dispatch({ kind: 'bad-message', side, error: ours })
}

function take(sender: Sender, wire: Wire, type: number, reader: Reader): void {
  const { side } = wire
  const { session } = sender
  if (type === MESSAGE.KEEPALIVE) sender.dispatch({ kind: 'keepalive', side })
  else if (type === MESSAGE.NOTIFICATION)
    sender.dispatch({ kind: 'notification', side, notification: decodeNotification(reader) })
  else if (type === MESSAGE.OPEN) takeOpen(sender, side, decodeOpen(reader))
  else if (type === MESSAGE.ROUTE_REFRESH && session?.wire === wire)
    session.refresh(decodeRouteRefresh(reader))
  else sender.dispatch({ kind: 'unexpected', side })
}

function takeOpen(sender: Sender, side: Side, open: Open): void {
  if (negotiate(sender.capabilities(), open).families.length > 0) {
    sender.dispatch({ kind: 'open', side, open })
    return
  }
  const error = new NotificationError(ERROR.OPEN, OPEN_ERROR.CAPABILITY, 'no common address family')
  sender.dispatch({ kind: 'bad-message', side, error })
}
