/** What health, metrics and the admin socket serve: GET only, answers in one piece. */
import { type Answer, type Handler, text } from '@podroute/feature/listener.ts'
import { ConnectionLimit } from '@podroute/linux/connection-limit.ts'
import { type HttpListener, type ListenAt, listenHttp } from '@podroute/linux/http-server.ts'

export type { Certificate, HttpListener, ListenAt } from '@podroute/linux/http-server.ts'

/** For each server its own, so that whoever attacks the metrics takes nothing from the probes. */
const MOST_CONNECTIONS = 32

/** @throws Error EADDRINUSE, also for a unix socket that another process serves */
export function serve(at: ListenAt, handler: Handler): Promise<HttpListener> {
  return listenHttp(at, new ConnectionLimit(MOST_CONNECTIONS), (request, response) => {
    const send = ({ status, type, body }: Answer) => {
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
      response.end(body)
    }
    if (request.method !== 'GET') return send(text('method not allowed\n', 405))
    const [path = '/', search = ''] = (request.url ?? '/').split('?')
    const query = Object.fromEntries(new URLSearchParams(search))
    const { authorization, accept } = request.headers
    const answered = Promise.resolve(path).then((asked) => handler(asked, { authorization, accept, query }))
    answered.then(
      (answer) => send(answer ?? text('not found\n', 404)),
      (error: unknown) => send(text(`${(error as Error).message}\n`, 500)),
    )
  })
}
