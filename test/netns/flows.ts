/** Flows to many addresses that several routers answer for, and which router each of them takes. */
import { spawn } from 'node:child_process'

const PORT = 7008

/** For `node -e`: answers every datagram of both families with argv[1]. */
export const ANSWER = `
const { createSocket } = require('dgram')
for (const type of ['udp4', 'udp6']) {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' })
  socket.on('message', (_, { port, address }) => socket.send(process.argv[1], port, address))
  socket.bind(${PORT}, () => process.stdout.write('ready\\n'))
}`

/** The answers come from the routers' own addresses, which a socket that is connected would not take. Sends to each of argv[1] (a list) 50 times a second, and prints who answered each flow so far whenever a line comes in; ends with its input. */
const SEND = `
const flows = process.argv[1].split(',').map((to) => {
  const flow = { to, sent: 0, received: 0, by: [] }
  const socket = require('dgram').createSocket(to.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (text) => {
    flow.received++
    if (flow.by.at(-1) !== String(text)) flow.by.push(String(text))
  })
  socket.bind(0, () => (flow.socket = socket))
  socket.on('error', () => {})
  return flow
})
setInterval(() => {
  for (const flow of flows) if (flow.socket) flow.socket.send('x', ${PORT}, flow.to, () => {}), flow.sent++
}, 20)
process.stdin.setEncoding('utf8').on('data', () => {
  process.stdout.write(JSON.stringify(flows.map(({ to, sent, received, by }) => ({ to, sent, received, by }))) + '\\n')
  for (const flow of flows) (flow.sent = flow.received = 0), (flow.by = flow.by.slice(-1))
}).on('end', () => process.exit())`

export interface Flow {
  readonly to: string
  readonly sent: number
  readonly received: number
  /** Who answered, in order, each once in a row. */
  readonly by: readonly string[]
}

export class Flows implements Disposable {
  readonly #child
  #text = ''
  #heard: (() => void) | undefined

  constructor(netns: string, to: readonly string[]) {
    const command = ['netns', 'exec', netns, process.execPath, '-e', SEND, to.join()]
    this.#child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdout.setEncoding('utf8').on('data', (more: string) => {
      this.#text += more
      if (this.#text.endsWith('\n')) this.#heard?.()
    })
  }

  /** What each has seen since this was asked last. */
  async look(): Promise<readonly Flow[]> {
    const heard = new Promise<void>((resolve) => {
      this.#heard = resolve
    })
    this.#child.stdin.write('look\n')
    await heard
    const line = this.#text.trimEnd()
    this.#text = ''
    return JSON.parse(line) as Flow[]
  }

  [Symbol.dispose](): void {
    this.#child.stdin.end()
  }
}
