/**
 * Holds many connections to HTTP servers and asks nothing, asks slowly, or asks and does not read; opens those again that are closed.
 * `node http-flood.ts COUNT TARGET…`, a target being `host port` or a path; says `ready` when each target has had COUNT of each kind.
 */
import { connect, type Socket } from 'node:net'

type Kind = 'idle' | 'slow' | 'deaf'

const KINDS: readonly Kind[] = ['idle', 'slow', 'deaf']
const SLOWNESS_MS = 200
const PAUSE_MS = 500

const [count = '100', ...targets] = process.argv.slice(2)
let missing = Number(count) * targets.length * KINDS.length

function open(target: string): Socket {
  const [host = '', port] = target.split(' ')
  return port === undefined ? connect(host) : connect(Number(port), host)
}

function begin(socket: Socket, kind: Kind): void {
  switch (kind) {
    case 'idle':
      return
    case 'slow':
      socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ')
      socket.setTimeout(SLOWNESS_MS, () => void socket.write('a'))
      return
    case 'deaf':
      socket.pause()
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20))
  }
}

function hold(target: string, kind: Kind, counted: boolean): void {
  const socket = open(target)
  let missed = !counted
  socket.on('error', () => {})
  socket.once('connect', () => {
    if (missed && --missing === 0) process.stdout.write('ready\n')
    missed = false
    begin(socket, kind)
  })
  if (kind !== 'deaf') socket.resume()
  socket.once('close', () => setTimeout(hold, PAUSE_MS, target, kind, !missed))
}

for (const target of targets)
  for (const kind of KINDS) for (let i = 0; i < Number(count); i++) hold(target, kind, false)
