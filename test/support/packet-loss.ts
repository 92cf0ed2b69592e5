/** Packets that are sent all the time, and how many of them came back. */
import { spawn } from 'node:child_process'

export interface PacketCount {
  readonly sent: number
  readonly received: number
}

const PORT = 7007

/** For `node -e`: sends back every datagram, of both families. */
export const ECHO = `
const { createSocket } = require('dgram')
for (const type of ['udp4', 'udp6']) {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' })
  socket.on('message', (text, { port, address }) => socket.send(text, port, address))
  socket.bind(${PORT})
}`

/**
 * Sends 50 a second to argv[1] until its input ends, waits half a second for the last ones, and prints the two counts. What is sent before
 * the first one is back does not count; that it is back is a line.
 */
const SEND = `
const to = process.argv[1]
const socket = require('dgram').createSocket(to.includes(':') ? 'udp6' : 'udp4')
let sent = 0
const received = new Set()
let first = -1
socket.on('message', (text) => {
  if (first < 0) {
    first = Number(text)
    process.stdout.write('ready\\n')
  }
  if (Number(text) >= first) received.add(Number(text))
})
const timer = setInterval(() => socket.send(String(sent++), ${PORT}, to, () => {}), 20)
process.stdin.resume().on('end', () => {
  clearInterval(timer)
  setTimeout(() => {
    process.stdout.write(JSON.stringify({ sent: sent - first, received: received.size }))
    process.exit()
  }, 500)
})`

/** Sends 50 datagrams a second to where ECHO runs, until it is stopped; resolves when the first one is back. `stop` tells how many there were. */
export async function sendPackets(netns: string, to: string): Promise<{ stop(): Promise<PacketCount> }> {
  const command = ['netns', 'exec', netns, process.execPath, '-e', SEND, to]
  const child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more
      resolve()
    })
  })
  const ended = new Promise((resolve) => child.on('close', resolve))
  await Promise.race([ready, ended])
  return {
    async stop() {
      child.stdin.end()
      await ended
      return JSON.parse(text.split('\n').at(-1) ?? '') as PacketCount
    },
  }
}
