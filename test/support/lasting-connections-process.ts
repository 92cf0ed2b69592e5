/**
 * Runs inside a network namespace: opens connections and asks on each of them again and again. Says `open` on stderr when all have had an
 * answer, and a line of JSON at SIGTERM.
 *
 *   node lasting-connections-process.ts ADDRESS PORT COUNT
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const [host = '', port, count] = process.argv.slice(2)
const REQUEST = 'GET / HTTP/1.1\r\nHost: load\r\n\r\n'
/** Milliseconds. */
const PAUSE = 500
const PATIENCE = 10_000

const started = performance.now()
let answered = 0
const lost: string[] = []

async function open(): Promise<void> {
  const socket = connect({ host, port: Number(port) })
  // Between two questions, too: the next one tells.
  socket.on('error', () => {})
  await once(socket, 'connect')
  await ask(socket)
  void talk(socket)
}

async function talk(socket: Socket): Promise<void> {
  try {
    for (;;) {
      await new Promise((done) => setTimeout(done, PAUSE))
      await ask(socket)
    }
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    lost.push(`${why} after ${((performance.now() - started) / 1000).toFixed(1)} s`)
  } finally {
    socket.destroy()
  }
}

function ask(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error) => {
      clearTimeout(timer)
      socket.off('data', hear).off('error', finish).off('close', closed)
      if (error) reject(error)
      else resolve()
    }
    const hear = () => {
      answered++
      finish()
    }
    const closed = () => finish(new Error('closed'))
    const timer = setTimeout(() => finish(new Error('no answer')), PATIENCE)
    socket.on('data', hear).on('error', finish).on('close', closed)
    if (socket.destroyed) closed()
    else socket.write(REQUEST)
  })
}

// Also when none of them is left.
setInterval(() => {}, PATIENCE)
process.on('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify({ answered, lost })}\n`, () => process.exit())
})
await Promise.all(Array.from({ length: Number(count) }, open))
process.stderr.write('open\n')
