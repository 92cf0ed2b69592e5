/** Runs inside a network namespace: answers on TCP and UDP ports with its name, and makes connections as it is told on stdin. */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'

const [name = '', ...ports] = process.argv.slice(2)
const TIMEOUT = 1500

for (const port of ports.map(Number)) {
  createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(`${name} ${plain(socket.remoteAddress ?? '')}`))
  }).listen({ port, host: '::' })
  // One socket an address, so that each answers with the address that it was asked at.
  for (const { address, family } of addresses()) {
    const udp = createSocket(family === 'IPv6' ? 'udp6' : 'udp4')
    udp.on('message', (_, from) => udp.send(`${name} ${plain(from.address)}`, from.port, from.address))
    udp.bind(port, address)
  }
}

function addresses() {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return all.filter(({ address }) => !/^(127\.|::1$|fe80:)/.test(address))
}

interface Command {
  readonly id: number
  readonly protocol: 'tcp' | 'udp'
  readonly host: string
  readonly port: number
  /** UDP: send from this port. */
  readonly localPort?: number
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as Command
  const attempt = command.protocol === 'tcp' ? askTcp(command) : askUdp(command)
  attempt.then(
    (answer) => reply({ id: command.id, answer }),
    (error: NodeJS.ErrnoException) => reply({ id: command.id, error: error.code ?? error.message }),
  )
}

function askTcp({ host, port }: Command): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const timer = setTimeout(() => socket.destroy(timedOut()), TIMEOUT)
    let answer = ''
    socket.on('connect', () => socket.write('?'))
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('end', () => resolve(answer))
    socket.on('error', reject)
    socket.on('close', () => clearTimeout(timer))
  })
}

function askUdp({ host, port, localPort }: Command): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', reuseAddr: true })
    const timer = setTimeout(() => finish(() => reject(timedOut())), TIMEOUT)
    const finish = (then: () => void) => {
      clearTimeout(timer)
      socket.close(then)
    }
    socket.on('message', (data) => finish(() => resolve(data.toString())))
    socket.on('error', (error) => finish(() => reject(error)))
    // Connected, so that an ICMP error is heard of.
    const start = () => socket.connect(port, host, () => socket.send('?'))
    if (localPort) socket.bind(localPort, start)
    else start()
  })
}

function timedOut(): Error {
  return Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })
}

function plain(address: string): string {
  return address.replace(/^::ffff:/, '')
}

function reply(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
