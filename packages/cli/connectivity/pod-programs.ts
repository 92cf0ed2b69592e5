/**
 * Programs that pods run with the Node.js of their image: a server, and one that tries probes. They are sent as the text of the functions
 * below, which know each other and nothing else.
 */
import type { Expectation, Outcome, Patience, Probe } from './probe.ts'

interface Reply {
  readonly name: string
  readonly client: string
}

/** Answers on `port`, TCP and UDP, who it is and whom it sees, in as many bytes as it was sent. */
export function serverProgram(name: string, port: number): string {
  return `(${serve})(${JSON.stringify(name)}, ${port})`
}

/** Prints `Outcome[]`. */
export function probeProgram(probes: readonly Probe[], patience: Patience): string {
  const parts = [main, attempt, round, answers, reasonOf, openTcp, askTcp, askUdp, addressesOf, bytesOf, late]
  return `${parts.join('\n')}\n${main.name}(${JSON.stringify(probes)}, ${JSON.stringify(patience)})`
}

function serve(name: string, port: number): void {
  const { createServer } = process.getBuiltinModule('node:net')
  const { createSocket } = process.getBuiltinModule('node:dgram')
  const answer = (address = '') => JSON.stringify({ name, client: address.replace(/^::ffff:/, '') })
  const server = createServer((socket) => {
    let seen = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk])
      const line = seen.indexOf('\n')
      const bytes = Number(seen.subarray(0, Math.max(line, 0)))
      if (line < 0 || seen.length < line + 1 + bytes) return
      socket.end(`${answer(socket.remoteAddress)}\n${'x'.repeat(bytes)}`)
    })
  })
  server.listen(port)
  for (const type of ['udp4', 'udp6'] as const) {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' })
    // A node without that family.
    socket.on('error', () => {})
    socket.on('message', (message, from) => {
      socket.send(answer(from.address).padEnd(message.length), from.port, from.address)
    })
    socket.bind(port)
  }
}

async function main(probes: readonly Probe[], patience: Patience): Promise<void> {
  process.stdout.write(JSON.stringify(await Promise.all(probes.map((probe) => attempt(probe, patience)))))
}

async function attempt(probe: Probe, patience: Patience): Promise<Outcome> {
  const end = performance.now() + patience.settle
  for (;;) {
    const began = performance.now()
    const problem = await round(probe, patience).catch(reasonOf)
    const milliseconds = Math.round((performance.now() - began) * 10) / 10
    if (problem === '' || performance.now() >= end) return { id: probe.id, problem, milliseconds }
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

/** '' when all is as it has to be. */
async function round(probe: Probe, patience: Patience): Promise<string> {
  const { expect, kind } = probe
  switch (expect.kind) {
    case 'open':
      await openTcp(probe, patience)
      return ''
    case 'reached':
      await openTcp(probe, patience).catch((error) => {
        if (error.code !== 'ECONNREFUSED' && error.code !== 'ECONNRESET') throw error
      })
      return ''
    case 'silence': {
      const reply = await askTcp(probe, patience).catch(() => undefined)
      return reply ? `${reply.name} answers, and nobody may` : ''
    }
    case 'addresses': {
      const [found, wanted] = [await addressesOf(probe, patience), expect.addresses.join(', ')]
      return found === wanted ? '' : `it leads to ${found || 'no address'}, not to ${wanted}`
    }
    case 'answer':
      return answers(expect, () => (kind === 'udp' ? askUdp : askTcp)(probe, patience))
  }
}

async function answers(expect: Expectation & { kind: 'answer' }, ask: () => Promise<Reply>): Promise<string> {
  const seen = new Set<string>()
  const most = expect.each ? 8 * expect.names.length : expect.same ? 6 : 3
  for (let i = 0; i < most && !(expect.each && seen.size === expect.names.length); i++) {
    const { name, client } = await ask()
    if (!expect.names.includes(name)) return `${name} answers, not ${expect.names.join(' or ')}`
    if (expect.client !== undefined && client !== expect.client)
      return `it sees ${client}, not ${expect.client}`
    seen.add(name)
  }
  if (expect.same && seen.size > 1) return `several answer: ${[...seen].join(', ')}`
  const missing = expect.names.filter((name) => !seen.has(name))
  return expect.each && missing.length > 0 ? `${missing.join(', ')} never answers` : ''
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'the connection is refused'
    case 'ECONNRESET':
      return 'the connection is reset'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EACCES':
      return `it is refused on the way (${error.code})`
    default:
      return error.message
  }
}

function openTcp({ host, port }: Probe, patience: Patience): Promise<void> {
  const { connect } = process.getBuiltinModule('node:net')
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: patience.connection })
    socket.on('timeout', () => socket.destroy(late(patience, 0)))
    socket.on('error', reject)
    socket.on('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}

function askTcp({ host, port, expect }: Probe, patience: Patience): Promise<Reply> {
  const { connect } = process.getBuiltinModule('node:net')
  const bytes = bytesOf(expect)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const timer = setTimeout(() => socket.destroy(late(patience, bytes)), patience.connection)
    let text = ''
    socket.setEncoding('latin1')
    socket.on('connect', () => socket.write(`${bytes}\n${'x'.repeat(bytes)}`))
    socket.on('data', (more) => {
      text += more
    })
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(timer)
      const line = text.indexOf('\n')
      if (line < 0 || text.length < line + 1 + bytes) reject(new Error('the connection ended too early'))
      else resolve(JSON.parse(text.slice(0, line)))
    })
  })
}

function askUdp({ host, port, family, expect }: Probe, patience: Patience): Promise<Reply> {
  const { createSocket } = process.getBuiltinModule('node:dgram')
  const bytes = bytesOf(expect)
  return new Promise((resolve, reject) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
    const timer = setTimeout(() => end(late(patience, bytes)), patience.connection)
    const end = (error: Error | undefined, reply?: Reply) => {
      clearTimeout(timer)
      socket.close()
      if (reply) resolve(reply)
      else reject(error)
    }
    socket.on('error', end)
    socket.on('message', (message) => end(undefined, JSON.parse(message.toString())))
    // Connected: that nobody listens is told.
    socket.connect(port, host, () => socket.send('x'.repeat(Math.max(bytes, 1))))
  })
}

async function addressesOf({ host, family }: Probe, patience: Patience): Promise<string> {
  const { Resolver } = process.getBuiltinModule('node:dns/promises')
  const { readFileSync } = process.getBuiltinModule('node:fs')
  const search = /^search (.*)$/m.exec(readFileSync('/etc/resolv.conf', 'utf8'))?.[1] ?? ''
  const domain = search.split(/\s+/).find((name) => name.startsWith('svc.')) ?? 'svc.cluster.local'
  const resolver = new Resolver({ timeout: patience.connection, tries: 1 })
  const name = `${host}.${domain}`
  const found = await (family === 4 ? resolver.resolve4(name) : resolver.resolve6(name))
  return found.sort().join(', ')
}

function bytesOf(expect: Expectation): number {
  return expect.kind === 'answer' ? (expect.bytes ?? 0) : 0
}

function late({ connection }: Patience, bytes: number): Error {
  return new Error(`no answer within ${connection / 1000} s${bytes > 0 ? ` (${bytes} bytes)` : ''}`)
}
