// What leaves on a peer's connections: how they are opened, and what is said on them besides routes.
import type { PeerConfig } from './config.ts'
import { BgpError } from './errors.ts'
import type { FsmEvent, Side } from './fsm-state.ts'
import type { PeerHost } from './host.ts'
import type { Capability } from './packet/capabilities.ts'
import { CEASE, ERROR, HEADER_LENGTH, MAX_LENGTH } from './packet/codes.ts'
import { encodeMessage } from './packet/message.ts'
import type { Notification } from './packet/notification.ts'
import type { Tally } from './tally.ts'
import type { Connection, ConnectionHandlers } from './transport.ts'
import { type Wire, Wires } from './wire.ts'

const KEEPALIVE = encodeMessage({ kind: 'keepalive' })
const REJECTED = encodeMessage({
  kind: 'notification',
  code: ERROR.CEASE,
  subcode: CEASE.CONNECTION_REJECTED,
  data: new Uint8Array(0),
})

/** Bytes of what was wrong with a message that fit a NOTIFICATION (RFC 4271 4.5): a peer may be wrong at greater length. */
const MOST_DATA = MAX_LENGTH - HEADER_LENGTH - 2

export interface ConnectionParts {
  readonly host: PeerHost
  readonly tally: Tally
  config(): PeerConfig
  /** Where the peer is. */
  remote(): string | undefined
  received(wire: Wire, bytes: Uint8Array): void
  dispatch(event: FsmEvent): void
}

export class Connections {
  readonly #parts: ConnectionParts
  readonly #wires: Wires
  /** The peer's own, until the state machine has taken it. */
  #arriving: Connection | undefined

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#wires = new Wires(parts.host.clock)
  }

  wire(side: Side): Wire | undefined {
    return this.#wires[side]
  }

  connect(): void {
    const { port = 179, localAddress, password, ttlSecurityHops } = this.#parts.config()
    const address = this.#parts.remote()
    if (address === undefined) throw new BgpError('closed', 'an unnumbered peer that was not found')
    const wire: { current?: Wire } = {}
    const connection = this.#parts.host.transport.connect(
      {
        address,
        port,
        ...(localAddress === undefined ? {} : { localAddress }),
        ...(password === undefined ? {} : { password }),
        ...(ttlSecurityHops === undefined ? {} : { ttlSecurityHops }),
      },
      this.#handlers(wire),
    )
    wire.current = this.#wires.open('outgoing', connection)
  }

  /** The peer connected: it is refused unless the state machine answers with an OPEN. */
  arrive(connection: Connection): void {
    const { ttlSecurityHops } = this.#parts.config()
    if (ttlSecurityHops !== undefined) connection.secureTtl(ttlSecurityHops)
    this.#arriving = connection
    this.#parts.dispatch({ kind: 'accepted' })
    if (this.#arriving === undefined) return
    this.#arriving = undefined
    this.#wires.refuse(connection, REJECTED)
  }

  sendOpen(side: Side, capabilities: readonly Capability[]): void {
    if (side === 'incoming' && this.#arriving !== undefined) {
      const wire = this.#wires.open(side, this.#arriving)
      this.#arriving = undefined
      wire.connection.handle(this.#handlers({ current: wire }))
    }
    const { asn, routerId, holdTime: usual } = this.#parts.host
    const { holdTime = usual } = this.#parts.config()
    this.#send(side, encodeMessage({ kind: 'open', asn, holdTime, routerId, capabilities }))
  }

  sendKeepalive(side: Side): void {
    this.#send(side, KEEPALIVE)
  }

  sendNotification(side: Side, notification: Notification): void {
    const { code, subcode, data } = notification
    this.#send(
      side,
      encodeMessage({ kind: 'notification', code, subcode, data: data.subarray(0, MOST_DATA) }),
    )
  }

  close(side: Side): void {
    this.#wires.close(side)
  }

  /** Cuts all without a word. */
  destroy(): void {
    this.#wires.destroy()
  }

  /** Resolves when all that was closed is closed. */
  drained(): Promise<void> {
    return this.#wires.drained()
  }

  #handlers(ref: { current?: Wire }): ConnectionHandlers {
    const { dispatch, received, host } = this.#parts
    return {
      onConnect: () => {
        if (ref.current?.open) dispatch({ kind: 'connected' })
      },
      onData: (bytes) => {
        if (ref.current?.open) received(ref.current, bytes)
      },
      onDrain: () => host.rib.drained(),
      onClose: (error) => {
        const wire = ref.current
        if (!wire?.open) return
        this.#wires.closed(wire)
        dispatch({ kind: 'closed', side: wire.side, error: error?.message })
      },
    }
  }

  #send(side: Side, bytes: Uint8Array): void {
    const wire = this.#wires[side]
    if (wire === undefined) return
    wire.write(bytes, this.#parts.host.clock.now())
    this.#parts.tally.counters.messagesSent++
  }
}
