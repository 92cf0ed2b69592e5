// What arrives on a peer's connections: UPDATEs to the RIB, all other messages to the state machine.
import { NotificationError } from './errors.ts'
import type { FsmEvent, Side } from './fsm-state.ts'
import type { PeerHost } from './host.ts'
import { negotiate } from './negotiation.ts'
import type { Capability } from './packet/capabilities.ts'
import { CEASE, ERROR, HEADER_LENGTH, MESSAGE, OPEN_ERROR } from './packet/codes.ts'
import { decodeNotification } from './packet/notification.ts'
import { decodeOpen, type Open } from './packet/open.ts'
import { Reader } from './packet/reader.ts'
import { decodeRouteRefresh } from './packet/route-refresh.ts'
import type { Session } from './session.ts'
import type { Tally } from './tally.ts'
import type { Wire } from './wire.ts'

export interface InboxParts {
  readonly host: PeerHost
  readonly tally: Tally
  /** The peer's name, for the log. */
  readonly peer: string
  session(): Session | undefined
  /** What our OPEN offers. */
  capabilities(): readonly Capability[]
  dispatch(event: FsmEvent): void
}

export class Inbox {
  readonly #parts: InboxParts

  constructor(parts: InboxParts) {
    this.#parts = parts
  }

  take(wire: Wire, bytes: Uint8Array): void {
    const { host, tally } = this.#parts
    wire.receivedAt = host.clock.now()
    const { counters } = tally
    try {
      wire.framer.push(bytes, (buffer, type, start, end) => {
        counters.messagesReceived++
        const session = this.#parts.session()
        if (type === MESSAGE.UPDATE && session?.wire === wire) {
          counters.updatesReceived++
          host.rib.ingest.update(session.ingest, buffer, start + HEADER_LENGTH, end)
        } else this.#message(wire, type, new Reader(buffer, start + HEADER_LENGTH, end))
        return wire.open
      })
    } catch (error) {
      this.#failed(wire, error)
    }
    host.rib.schedule()
  }

  #failed({ side }: Wire, error: unknown): void {
    const { host, peer, dispatch } = this.#parts
    if (error instanceof NotificationError) {
      dispatch({ kind: 'bad-message', side, error })
      return
    }
    // A fault of ours: it costs this session, not the process.
    host.log.error('cannot process a message', { peer, error })
    const ours = new NotificationError(ERROR.CEASE, CEASE.OUT_OF_RESOURCES, String(error))
    dispatch({ kind: 'bad-message', side, error: ours })
  }

  #message(wire: Wire, type: number, reader: Reader): void {
    const { side } = wire
    const { dispatch } = this.#parts
    const session = this.#parts.session()
    if (type === MESSAGE.KEEPALIVE) dispatch({ kind: 'keepalive', side })
    else if (type === MESSAGE.NOTIFICATION)
      dispatch({ kind: 'notification', side, notification: decodeNotification(reader) })
    else if (type === MESSAGE.OPEN) this.#open(side, decodeOpen(reader))
    else if (type === MESSAGE.ROUTE_REFRESH && session?.wire === wire)
      session.refresh(decodeRouteRefresh(reader))
    else dispatch({ kind: 'unexpected', side })
  }

  #open(side: Side, open: Open): void {
    const { capabilities, dispatch } = this.#parts
    if (negotiate(capabilities(), open).families.length > 0) {
      dispatch({ kind: 'open', side, open })
      return
    }
    const error = new NotificationError(ERROR.OPEN, OPEN_ERROR.CAPABILITY, 'no common address family')
    dispatch({ kind: 'bad-message', side, error })
  }
}
