// A scripted peer on a real TCP connection.
import net from 'node:net'
import { MAX_EXTENDED_LENGTH } from '../packet/codes.ts'
import { Framer } from '../packet/header.ts'
import { decodeMessage, encodeMessage, type Message } from '../packet/message.ts'

const CONTEXT = { fourOctetAs: true, internal: false, localAsn: 64999, addPath4: false, addPath6: false }

/** Sends the test's messages and records the received ones. */
export class RawTcp {
  readonly socket: net.Socket
  readonly messages: Message[] = []
  readonly #framer = new Framer()
  #wake = () => {}
  closed = false

  constructor(host: string, port: number, localAddress: string) {
    this.socket = net.connect({ host, port, localAddress })
    this.socket.on('data', (bytes) => {
      this.#framer.push(bytes, (buffer, _type, start, end) => {
        this.messages.push(decodeMessage(buffer.slice(start, end), CONTEXT).message)
        return true
      })
      this.#wake()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  send(...messages: readonly (Message | Uint8Array)[]): void {
    for (const message of messages)
      this.socket.write(message instanceof Uint8Array ? message : encodeMessage(message, MAX_EXTENDED_LENGTH))
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async received(kind: Message['kind']): Promise<Message> {
    await this.until(() => this.closed || this.messages.some((message) => message.kind === kind))
    const found = this.messages.find((message) => message.kind === kind)
    if (found === undefined)
      throw new Error(`closed without ${kind}; got ${this.messages.map((message) => message.kind)}`)
    return found
  }
}
