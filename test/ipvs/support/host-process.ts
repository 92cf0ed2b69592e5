/** Runs inside a network namespace: answers on TCP and UDP ports with its name, and makes connections as it is told on stdin. */
import { createSocket } from 'node:dgram'
import { connect, createServer, Socket, type SocketConstructorOpts } from 'node:net'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

const [name = '', ...ports] = process.argv.slice(2)
const TIMEOUT = 1500
const IPPROTO_SCTP = 132
/** Of a load: questions on a connection that lasts, milliseconds between two of them, and milliseconds until one is lost. */
const QUESTIONS = 25
const PAUSE = 20
const PATIENCE = 20_000
/** A server that was told to goes on sending, whether anybody answers or not. */
const SENDING = { pause: 50, times: 400 }
/** Bytes of an answer of many packets. */
const MUCH = 100_000
/** Of `open`, by its id. */
const connections = new Map<number, Socket>()
/** Of `listen`, by its id: how much came since it was asked last. */
const heard = new Map<number, number>()

for (const port of ports.map(Number)) {
  createServer(serve).listen({ port, host: '::' })
  // One socket an address, so that each answers with the address that it was asked at.
  for (const { address, family } of addresses()) {
    const udp = createSocket(family === 'IPv6' ? 'udp6' : 'udp4')
    udp.on('message', (data, from) => {
      const answer = () => udp.send(`${name} ${plain(from.address)}`, from.port, from.address)
      if (data.includes('*')) goOn(answer)
      else answer()
    })
    udp.bind(port, address)
  }
}

function addresses() {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return all.filter(({ address }) => !/^(127\.|::1$|fe80:)/.test(address))
}

interface Command {
  readonly id: number
  readonly protocol:
    | 'tcp'
    | 'udp'
    | 'open'
    | 'say'
    | 'sctp'
    | 'serve-sctp'
    | 'load'
    | 'listen'
    | 'listen-udp'
    | 'heard'
  /** `load`: for so many milliseconds. */
  readonly milliseconds?: number
  /** `say`: on the connection of this `open`. */
  readonly connection?: number
  /** `say`: the answer is to have many packets, or the connection is to end by a RST. */
  readonly how?: 'much' | 'reset'
  readonly host: string
  readonly port: number
  /** TCP and UDP: ask from this port. */
  readonly localPort?: number
  /** TCP: ask from this address, and for so many milliseconds. */
  readonly localAddress?: string
  readonly patience?: number
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as Command
  attempt(command).then(
    (answer) => reply({ id: command.id, answer }),
    (error: NodeJS.ErrnoException) => reply({ id: command.id, error: error.code ?? error.message }),
  )
}

function attempt(command: Command): Promise<string> {
  switch (command.protocol) {
    case 'tcp':
      return askTcp(command)
    case 'udp':
      return askUdp(command)
    case 'open':
      return openTcp(command)
    case 'say':
      return sayHow(connections.get(command.connection ?? 0)!, command.how)
    case 'sctp':
      return askSctp(command)
    case 'load':
      return load(command)
    case 'listen':
      return listen(command)
    case 'listen-udp':
      return listenUdp(command)
    case 'heard':
      return hear(command)
    case 'serve-sctp':
      return serveSctp(command)
  }
}

function serve(socket: Socket): void {
  socket.on('error', () => {})
  const answer = () => `${name} ${plain(socket.remoteAddress ?? '')}`
  // One question and the end of it, or as many as the client likes.
  socket.on('data', (data) => {
    if (data.includes('?')) socket.end(answer())
    else if (data.includes('#')) socket.write('x'.repeat(MUCH))
    else if (data.includes('*')) goOn(() => socket.writable && socket.write(answer()))
    else socket.write(answer())
  })
}

function goOn(send: () => unknown): void {
  let left = SENDING.times
  const timer = setInterval(() => (left-- > 0 ? send() : clearInterval(timer)), SENDING.pause)
}

/** Says nothing more after it has asked. */
async function listen(command: Command): Promise<string> {
  const id = await openTcp(command)
  const socket = connections.get(command.id)!
  heard.set(command.id, 0)
  socket.on('data', ({ length }) => heard.set(command.id, (heard.get(command.id) ?? 0) + length))
  socket.write('*')
  return id
}

function listenUdp({ id, host, port, localPort = 0 }: Command): Promise<string> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', reuseAddr: true })
  heard.set(id, 0)
  socket.on('message', ({ length }) => heard.set(id, (heard.get(id) ?? 0) + length))
  return new Promise((resolve) =>
    socket.bind(localPort, () => socket.send('*', port, host, () => resolve(String(id)))),
  )
}

async function hear({ connection = 0 }: Command): Promise<string> {
  const count = heard.get(connection) ?? 0
  heard.set(connection, 0)
  return String(count)
}

/** A one-to-one SCTP socket differs from a TCP one in how it is made only. */
async function sctpSocket(family: 4 | 6): Promise<number> {
  const { AF_INET, AF_INET6, SOCK_NONBLOCK, SOCK_STREAM, socket } = await import('@podroute/linux/sys.ts')
  return socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_SCTP)
}

async function serveSctp({ port }: Command): Promise<string> {
  const { AF_INET6, bind } = await import('@podroute/linux/sys.ts')
  const fd = await sctpSocket(6)
  // struct sockaddr_in6: family, port, any address, that of either family.
  const address = new DataView(new ArrayBuffer(28))
  address.setUint16(0, AF_INET6, true)
  address.setUint16(2, port)
  bind(fd, new Uint8Array(address.buffer))
  return new Promise((resolve) => createServer(serve).listen({ fd }, () => resolve('')))
}

async function askSctp({ host, port }: Command): Promise<string> {
  const socket = new Socket({
    fd: await sctpSocket(host.includes(':') ? 6 : 4),
    manualStart: true,
  } as SocketConstructorOpts)
  return converse(socket.connect({ host, port }))
}

/**
 * Clients that ask one question a connection, and clients that ask again and again before they start anew; each as fast as it is
 * answered. Answers how many questions were answered, how many not, and why the first was not.
 */
async function load(command: Command): Promise<string> {
  const end = performance.now() + (command.milliseconds ?? 1000)
  const counts = { answered: 0, failed: 0, first: '' }
  const client = async (ask: () => Promise<number>) => {
    while (performance.now() < end) {
      try {
        counts.answered += await ask()
      } catch (error) {
        counts.failed++
        counts.first ||= (error as NodeJS.ErrnoException).code ?? String(error)
      }
    }
  }
  const short = () => converse(connect({ host: command.host, port: command.port }), PATIENCE).then(() => 1)
  const lasting = () => chat(command, end)
  await Promise.all([short, short, lasting, lasting].map(client))
  return JSON.stringify(counts)
}

async function chat({ host, port }: Command, end: number): Promise<number> {
  const socket = connect({ host, port })
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  let asked = 0
  for (; asked < QUESTIONS && performance.now() < end; asked++) {
    await say(socket, PATIENCE)
    await pause(PAUSE)
  }
  socket.destroy()
  return asked
}

function openTcp({ id, host, port }: Command): Promise<string> {
  const socket = connect({ host, port })
  connections.set(id, socket)
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(String(id)))
    socket.on('error', reject)
  })
}

function say(socket: Socket, patience = TIMEOUT): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(timedOut()), patience)
    const gone = () => reject(Object.assign(new Error('closed'), { code: 'CLOSED' }))
    socket.once('close', gone)
    socket.once('data', (data) => {
      clearTimeout(timer)
      socket.off('close', gone)
      resolve(data.toString())
    })
    if (socket.destroyed) gone()
    else socket.write('!')
  })
}

async function sayHow(socket: Socket, how: Command['how']): Promise<string> {
  if (how === 'much') return sayMuch(socket)
  if (how !== 'reset') return say(socket)
  socket.resetAndDestroy()
  return ''
}

function sayMuch(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(timedOut()), TIMEOUT)
    let length = 0
    const hear = (data: Buffer) => {
      length += data.length
      if (length < MUCH) return
      clearTimeout(timer)
      socket.off('data', hear)
      resolve(String(length))
    }
    socket.on('data', hear)
    socket.write('#')
  })
}

function askTcp({ host, port, localPort, localAddress, patience }: Command): Promise<string> {
  const from = { ...(localPort && { localPort }), ...(localAddress && { localAddress }) }
  return converse(connect({ host, port, ...from }), patience)
}

function converse(socket: Socket, patience = TIMEOUT): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(timedOut()), patience)
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
