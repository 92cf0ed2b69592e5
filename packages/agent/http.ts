/** Small HTTP servers for health, metrics and the admin socket: GET only, answers in one piece. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** The answer to a path; undefined: there is no such page. */
export type Handler = (path: string) => Answer | undefined | Promise<Answer | undefined>

export type ListenAt =
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
  /** A unix socket of mode 0600. */
  | { readonly kind: 'unix'; readonly path: string }

export interface HttpListener extends AsyncDisposable {
  /** The port that was bound; 0 for a unix socket. */
  readonly port: number
}

export const text = (body: string, status = 200): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body,
})
export const json = (value: unknown): Answer => ({
  status: 200,
  type: 'application/json',
  body: JSON.stringify(value),
})

/** @throws Error EADDRINUSE, also for a unix socket that another process serves */
export async function serve(at: ListenAt, handler: Handler): Promise<HttpListener> {
  const server = createServer((request, response) => {
    const send = ({ status, type, body }: Answer) => {
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
      response.end(body)
    }
    if (request.method !== 'GET') return send(text('method not allowed\n', 405))
    const path = (request.url ?? '/').split('?')[0]!
    const asked = Promise.resolve(path).then(handler)
    asked.then(
      (answer) => send(answer ?? text('not found\n', 404)),
      (error: unknown) => send(text(`${(error as Error).message}\n`, 500)),
    )
  })
  if (at.kind === 'unix') await prepareSocket(at.path)
  await listen(server, at)
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : 0,
    [Symbol.asyncDispose]: () => close(server),
  }
}

function listen(server: Server, at: ListenAt): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays for good: an error of a later connection must not end the process.
    server.on('error', reject)
    // The socket must never be open to others, not even between bind and chmod.
    const umask = process.umask(0o177)
    const done = () => {
      if (at.kind === 'unix') chmodSync(at.path, 0o600)
      resolve()
    }
    if (at.kind === 'unix') server.listen(at.path, done)
    else server.listen(at.port, at.address, done)
    process.umask(umask)
  })
}

/** Removes a socket that a process left behind when it was killed; one that answers is somebody's. */
async function prepareSocket(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    probe.once('connect', () => probe.destroy())
  })
  if (answers) throw Object.assign(new Error(`another process serves ${path}`), { code: 'EADDRINUSE' })
  rmSync(path, { force: true })
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
