// A collector for tests: keeps what it is told, as messages and as tables.
import { decodeBmp } from '../bmp/codec.ts'
import type { BmpMessage } from '../bmp/messages.ts'
import type { PathAttributes } from '../packet/attributes.ts'
import { MAX_EXTENDED_LENGTH } from '../packet/codes.ts'
import { decodeMessage } from '../packet/message.ts'
import type { Connection } from '../transport.ts'
import { nameOf } from './raw-peer.ts'

export class BmpStation {
  readonly messages: BmpMessage[] = []
  /** The bytes of all messages. */
  readonly raw: Uint8Array[] = []
  /** Attributes by view (`pre` or `post`), peer's address and prefix (with its path identifier after `#`), as one who applies the messages has them. */
  readonly table = new Map<string, PathAttributes>()
  connection: Connection | undefined
  /** NLRI have path identifiers. */
  pathIds = false
  #rest = new Uint8Array(0)

  /** Takes the place of the collector before: its connection is another one. */
  accept(connection: Connection): void {
    this.connection = connection
    this.#rest = new Uint8Array(0)
    this.messages.length = 0
    this.table.clear()
    connection.handle({ onConnect() {}, onData: (bytes) => this.#read(bytes), onDrain() {}, onClose() {} })
  }

  /** Names of the messages since the last call: `peer-up 10.0.0.2`, `10.0.0.2 update +10.1.0.0/16`. */
  names(): string[] {
    return this.messages.splice(0).map((message) => this.#name(message))
  }

  routes(): string[] {
    return [...this.table.keys()].sort()
  }

  #name(message: BmpMessage): string {
    if (message.kind === 'route-monitoring') {
      const { peer, update } = message
      return `${peer.address}${peer.postPolicy ? ' post-policy' : ''} ${nameOf(this.#decode(update))}`
    }
    return 'peer' in message ? `${message.kind} ${message.peer.address}` : message.kind
  }

  #read(bytes: Uint8Array): void {
    this.#rest = Uint8Array.from([...this.#rest, ...bytes])
    for (;;) {
      const decoded = decodeBmp(this.#rest)
      if (decoded === undefined) return
      this.raw.push(this.#rest.slice(0, decoded.length))
      this.#rest = this.#rest.slice(decoded.length)
      this.messages.push(decoded.message)
      this.#apply(decoded.message)
    }
  }

  #apply(message: BmpMessage): void {
    if (message.kind === 'peer-down')
      for (const key of [...this.table.keys()])
        if (key.split(' ')[1] === message.peer.address) this.table.delete(key)
    if (message.kind !== 'route-monitoring') return
    const update = this.#decode(message.update)
    if (update.kind !== 'update') return
    const of = `${message.peer.postPolicy ? 'post' : 'pre'} ${message.peer.address}`
    const key = ({ prefix, pathId }: { prefix: string; pathId?: number | undefined }) =>
      `${of} ${prefix}${pathId === undefined ? '' : `#${pathId}`}`
    for (const each of [...update.withdrawn, ...(update.mpUnreach?.nlri ?? [])]) this.table.delete(key(each))
    for (const each of [...update.nlri, ...(update.mpReach?.nlri ?? [])])
      this.table.set(key(each), update.attributes)
  }

  #decode(update: Uint8Array) {
    const { pathIds } = this
    const context = { fourOctetAs: true, internal: true, localAsn: 0, addPath4: pathIds, addPath6: pathIds }
    return decodeMessage(update, context, MAX_EXTENDED_LENGTH).message
  }
}
