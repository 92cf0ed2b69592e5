/** Unix sockets that only their owner may talk to, and a server of questions in one line. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'

/** Answers a line, without its end. */
export type AnswerLine = (line: string) => Promise<string>

/** A line that is longer is no question. */
const LONGEST_LINE = 8192
/** For who connects and asks nothing, in milliseconds. */
const SILENCE_TIMEOUT = 30_000

/** Each connection asks one line, is answered by one, and closed. @throws Error EADDRINUSE where another process serves the path */
export async function serveLines(path: string, answer: AnswerLine): Promise<AsyncDisposable> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    answerOne(socket, answer)
  })
  await prepareSocket(path)
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    listenUnix(server, path, resolve)
  })
  return {
    [Symbol.asyncDispose]: () => {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function answerOne(socket: Socket, answer: AnswerLine): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.setTimeout(SILENCE_TIMEOUT, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  const onData = (chunk: string) => {
    text += chunk
    const end = text.indexOf('\n')
    if (end === -1 && text.length <= LONGEST_LINE) return
    socket.off('data', onData).resume()
    if (end === -1) return void socket.destroy()
    socket.setTimeout(0)
    answer(text.slice(0, end)).then(
      (line) => socket.end(`${line}\n`),
      () => socket.destroy(),
    )
  }
  socket.on('data', onData)
}

/** The socket must never be open to others, not even between bind and chmod. */
export function listenUnix(server: Server, path: string, done: () => void): void {
  const umask = process.umask(0o177)
  server.listen(path, () => {
    chmodSync(path, 0o600)
    done()
  })
  process.umask(umask)
}

/** Removes a socket that a process left behind when it was killed; one that answers is somebody's. */
export async function prepareSocket(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (answers) throw Object.assign(new Error(`another process serves ${path}`), { code: 'EADDRINUSE' })
  rmSync(path, { force: true })
}
