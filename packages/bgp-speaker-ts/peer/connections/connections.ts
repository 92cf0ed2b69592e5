// Opens and accepts a peer's connections and sends the messages other than UPDATE and ROUTE-REFRESH on them.
import type { PeerConfig } from '../../config.ts'
import { BgpError } from '../../errors.ts'
import type { Capability } from '../../packet/capabilities.ts'
import { CEASE, ERROR, HEADER_LENGTH, MAX_LENGTH } from '../../packet/codes.ts'
import { encodeMessage } from '../../packet/message.ts'
import type { Notification } from '../../packet/notification.ts'
import type { Connection } from '../../transport.ts'
import type { FsmEvent, Side } from '../fsm/fsm-state.ts'
import type { PeerCounters } from '../peer-counters.ts'
import type { SpeakerContext } from '../speaker-context.ts'
import { ignoreAll, type Wire, type WireOwner, Wires } from './wire.ts'

const KEEPALIVE = encodeMessage({ kind: 'keepalive' })
const REJECTED = encodeMessage({
  kind: 'notification',
  code: ERROR.CEASE,
  subcode: CEASE.CONNECTION_REJECTED,
  data: new Uint8Array(0),
})

/** Most data bytes of a NOTIFICATION (RFC 4271 section 4.5). Longer data is cut: the faulty message that it quotes may itself be of maximum length. */
const MAX_DATA = MAX_LENGTH - HEADER_LENGTH - 2

/** The peer that the connections belong to. */
export interface ConnectionOwner {
  readonly speaker: SpeakerContext
  readonly counters: PeerCounters
  readonly config: PeerConfig
  /** The peer's address; undefined while an unnumbered peer has not been found. */
  readonly remote: string | undefined
  /** `age`: milliseconds since the last of the bytes arrived, at most. */
  received(wire: Wire, bytes: Uint8Array, age: number): void
  /** A connection that it opened was not taken. */
  refused(why: string): void
  dispatch(event: FsmEvent): void
}

export class Connections implements WireOwner {
  readonly #owner: ConnectionOwner
  readonly #wires: Wires
  /** A connection that the peer opened and that the state machine has not accepted yet. */
  #arriving: Connection | undefined

  constructor(owner: ConnectionOwner) {
    this.#owner = owner
    this.#wires = new Wires(owner.speaker.clock)
  }

  wire(side: Side): Wire | undefined {
    return this.#wires.get(side)
  }

  connect(): void {
    const { speaker, config, remote: address } = this.#owner
    const { port = 179, localAddress, password, ttlSecurityHops, ttl } = config
    if (address === undefined) throw new BgpError('closed', 'an unnumbered peer that was not found')
    // The transport reports no event before the end of this turn, so the wire replaces these handlers in time.
    const connection = speaker.transport.connect(
      {
        address,
        port,
        ...(localAddress === undefined ? {} : { localAddress }),
        ...(password === undefined ? {} : { password }),
        ...(ttlSecurityHops === undefined ? {} : { ttlSecurityHops }),
        ...(ttl === undefined ? {} : { ttl }),
      },
      ignoreAll,
    )
    this.#wires.open('outgoing', connection, this)
  }

  /** Handles a connection that the peer opened: refuses it unless the state machine answers with an OPEN. */
  arrive(connection: Connection): void {
    const { ttlSecurityHops, ttl } = this.#owner.config
    if (ttlSecurityHops !== undefined && !connection.secureTtl(ttlSecurityHops)) {
      // Closed at once: a peer that does not send with TTL 255 yet would wait for an answer, and refuse our connection for this one.
      connection.destroy()
      this.#owner.refused(`its connection came with a TTL below ${256 - ttlSecurityHops} (GTSM)`)
      return
    }
    if (ttl !== undefined) connection.setTtl(ttl)
    this.#arriving = connection
    this.#owner.dispatch({ kind: 'accepted' })
    if (this.#arriving === undefined) return
    this.#arriving = undefined
    this.#wires.refuse(connection, REJECTED)
  }

  sendOpen(side: Side, capabilities: readonly Capability[]): void {
    if (typeof side === 'number' && this.#arriving !== undefined) {
      const connection = this.#arriving
      this.#arriving = undefined
      this.#wires.open(side, connection, this)
    }
    const { asn: speakerAsn, routerId, holdTime: usual } = this.#owner.speaker
    const { holdTime = usual, localAsn: asn = speakerAsn } = this.#owner.config
    const bytes = encodeMessage({ kind: 'open', asn, holdTime, routerId, capabilities })
    const wire = this.#wires.get(side)
    if (this.#owner.speaker.observer !== undefined && wire !== undefined)
      wire.opens = { sent: String.fromCharCode(...bytes), received: '' }
    this.#send(side, bytes)
  }

  sendKeepalive(side: Side): void {
    this.#send(side, KEEPALIVE)
  }

  sendNotification(side: Side, notification: Notification): void {
    const { code, subcode, data } = notification
    this.#send(side, encodeMessage({ kind: 'notification', code, subcode, data: data.subarray(0, MAX_DATA) }))
  }

  setTtl(ttl: number): void {
    for (const { connection } of this.#wires.all()) connection.setTtl(ttl)
  }

  /** Changes the TCP-MD5 key of the connections that there are. Returns false when one of them cannot have another. */
  setPassword(password: string | undefined): boolean {
    return [...this.#wires.all()].every(({ connection }) => connection.setPassword(password))
  }

  close(side: Side): void {
    this.#wires.close(side)
  }

  promote(newcomer: number): void {
    this.#wires.promote(newcomer)
  }

  /** Cuts all connections without a NOTIFICATION. */
  destroy(): void {
    this.#wires.destroy()
  }

  /** Resolves when every closed connection is gone. */
  closed(): Promise<void> {
    return this.#wires.drained()
  }

  // As the owner of its wires:

  connected(): void {
    this.#owner.dispatch({ kind: 'connected' })
  }

  received(wire: Wire, bytes: Uint8Array, age: number): void {
    this.#owner.received(wire, bytes, age)
  }

  drained(): void {
    this.#owner.speaker.rib.drained()
  }

  lost(wire: Wire, error: Error | undefined): void {
    this.#wires.closed(wire)
    this.#owner.dispatch({ kind: 'closed', side: wire.side, error: error?.message })
  }

  #send(side: Side, bytes: Uint8Array): void {
    const wire = this.#wires.get(side)
    if (wire === undefined) return
    wire.write(bytes, this.#owner.speaker.clock.now())
    this.#owner.counters.messagesSent++
  }
}
