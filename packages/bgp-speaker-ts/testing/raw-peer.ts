// A scripted peer: sends the messages that the test gives it and records the messages that it receives.
import type { Capability } from '../packet/capabilities.ts'
import { MAX_EXTENDED_LENGTH } from '../packet/codes.ts'
import { encodeEndOfRib } from '../packet/end-of-rib.ts'
import { Framer } from '../packet/header.ts'
import { decodeMessage, encodeMessage, type Message } from '../packet/message.ts'
import type { Nlri } from '../packet/nlri.ts'
import type { Connection } from '../transport.ts'
import type { MemoryNetwork } from './memory-network.ts'

export interface RawPeerOptions {
  readonly address: string
  readonly asn: number
  /** Where the speaker listens. */
  readonly speaker: string
  readonly holdTime?: number
  /** More capabilities than those of the two families, route refresh and 4-byte AS numbers. */
  readonly capabilities?: readonly Capability[]
  /** Received NLRI have path identifiers (RFC 7911). */
  readonly readsPathIds?: boolean
}

const BOTH_FAMILIES: readonly Capability[] = [
  { kind: 'multiprotocol', afi: 1, safi: 1 },
  { kind: 'multiprotocol', afi: 2, safi: 1 },
]

/** Returns a short name of a message: `update +10.1.0.0/16`, `end-of-rib ipv4`, `refresh-begin ipv6`, `notification 6/2`. */
export function nameOf(message: Message): string {
  const family = (afi: number) => (afi === 1 ? 'ipv4' : 'ipv6')
  switch (message.kind) {
    case 'notification':
      return `notification ${message.code}/${message.subcode}`
    case 'route-refresh':
      return `${['refresh', 'refresh-begin', 'refresh-end'][message.subtype]} ${family(message.afi)}`
    case 'update': {
      const { nlri, withdrawn, mpReach, mpUnreach } = message
      const gone = [...withdrawn, ...(mpUnreach?.nlri ?? [])].map((each) => `-${nlriName(each)}`)
      const there = [...nlri, ...(mpReach?.nlri ?? [])].map((each) => `+${nlriName(each)}`)
      if (gone.length + there.length === 0) return `end-of-rib ${family(mpUnreach?.afi ?? 1)}`
      return `update ${[...gone, ...there].sort().join(' ')}`
    }
    default:
      return message.kind
  }
}

function nlriName({ prefix, pathId }: Nlri): string {
  return pathId === undefined ? prefix : `${prefix}#${pathId}`
}

export class RawPeer {
  readonly options: RawPeerOptions
  closed = false
  readonly #network: MemoryNetwork
  #connection: Connection | undefined
  #heard: Message[] = []
  #bytes: Uint8Array[] = []

  constructor(network: MemoryNetwork, options: RawPeerOptions) {
    this.#network = network
    this.options = options
  }

  /** Establishes a session over a new connection. */
  establish(capabilities = this.options.capabilities): this {
    this.connect()
    this.send(this.open(capabilities), { kind: 'keepalive' })
    return this
  }

  connect(): this {
    const { address, speaker } = this.options
    const framer = new Framer()
    framer.maxLength = MAX_EXTENDED_LENGTH
    this.closed = false
    const connection: Connection = this.#network.transport(address).connect(
      { address: speaker, port: 179 },
      {
        onConnect() {},
        onData: (bytes) =>
          framer.push(bytes, (buffer, _type, start, end) => {
            const message = buffer.slice(start, end)
            this.#bytes.push(message)
            this.#heard.push(decodeMessage(message, this.#context(), MAX_EXTENDED_LENGTH).message)
            return true
          }),
        onDrain() {},
        onClose: () => {
          if (this.#connection === connection) this.closed = true
        },
      },
    )
    this.#connection = connection
    this.#network.clock.settle()
    return this
  }

  open(capabilities: readonly Capability[] = []): Message {
    const { asn, holdTime = 90, address } = this.options
    return {
      kind: 'open',
      asn,
      holdTime,
      routerId: Number(address.split('.').at(-1)),
      capabilities: [
        ...(capabilities.some(({ kind }) => kind === 'multiprotocol') ? [] : BOTH_FAMILIES),
        { kind: 'route-refresh' },
        { kind: 'four-octet-as', asn },
        ...capabilities,
      ],
    }
  }

  send(...messages: readonly (Message | Uint8Array)[]): this {
    for (const message of messages)
      this.#connection?.write(
        message instanceof Uint8Array ? message : encodeMessage(message, MAX_EXTENDED_LENGTH),
      )
    this.#network.clock.settle()
    return this
  }

  announce(...prefixes: readonly string[]): this {
    return this.announceWith({}, ...prefixes)
  }

  /** IPv4 prefixes in one UPDATE, others in one each, with more attributes than the mandatory ones. */
  announceWith(more: object, ...prefixes: readonly string[]): this {
    const { address, asn } = this.options
    const attributes = {
      origin: 'igp' as const,
      asPath: [{ kind: 'sequence' as const, asns: [asn] }],
      nextHop: address,
      ...more,
    }
    const { nextHop: _nextHop, ...rest } = attributes
    const v4 = prefixes.filter((prefix) => !prefix.includes(':'))
    const updates: Message[] = []
    if (v4.length > 0)
      updates.push({ kind: 'update', withdrawn: [], attributes, nlri: v4.map((prefix) => ({ prefix })) })
    for (const prefix of prefixes.filter((text) => text.includes(':')))
      updates.push({
        kind: 'update',
        withdrawn: [],
        attributes: rest,
        nlri: [],
        mpReach: { afi: 2, safi: 1, nextHop: `fd00::${address.split('.').at(-1)}`, nlri: [{ prefix }] },
      })
    return this.send(...updates)
  }

  withdraw(...prefixes: readonly string[]): this {
    const withdrawn = prefixes.map((prefix) => ({ prefix }))
    return this.send({ kind: 'update', withdrawn, attributes: {}, nlri: [] })
  }

  endOfRib(...families: readonly ('ipv4-unicast' | 'ipv6-unicast')[]): this {
    return this.send(...families.map(encodeEndOfRib))
  }

  /** Crashes: drops the connection without a NOTIFICATION. */
  crash(): this {
    this.#connection?.destroy()
    this.#network.clock.settle()
    return this
  }

  /** Messages received since the last call. */
  heard(): readonly Message[] {
    this.#network.clock.settle()
    const heard = this.#heard
    this.#heard = []
    return heard
  }

  /** The bytes of all messages received since `forget`. */
  raw(): readonly Uint8Array[] {
    return this.#bytes
  }

  /** Forgets all received messages. */
  forget(): void {
    this.#heard = []
    this.#bytes = []
  }

  /** Names of the messages received since the last call, without KEEPALIVEs. */
  names(): readonly string[] {
    return this.heard()
      .filter(({ kind }) => kind !== 'keepalive')
      .map(nameOf)
  }

  #context() {
    const { readsPathIds = false } = this.options
    return { fourOctetAs: true, internal: true, localAsn: 0, addPath4: readsPathIds, addPath6: readsPathIds }
  }
}
