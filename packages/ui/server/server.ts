/** Serves the page, what it asks of agents, and a stream of what changes. On this machine alone, and nothing can be changed by it. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Feed } from './feed.ts'
import { COOKIE, isSecret, knowsSecret, refusal } from './guard.ts'

export interface UiServerOptions {
  readonly page: string
  readonly feed: Feed
  /** 0: any that is free. */
  readonly port: number
}

export interface UiServer extends AsyncDisposable {
  /** With the secret. */
  readonly url: string
}

const HOST = '127.0.0.1'
/** Streams and questions at one time; a browser opens six. */
const MOST_CONNECTIONS = 64
/** Milliseconds between two signs of life of a stream. */
const ALIVE = 15_000

/** @throws Error EADDRINUSE */
export async function serveUi({ page, feed, port }: UiServerOptions): Promise<UiServer> {
  const secret = randomBytes(24).toString('base64url')
  const headers = pageHeaders(page)
  const server = createServer({ maxHeaderSize: 8192 }, (request, response) => {
    request.resume()
    const end = (status: number, text: string) =>
      response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
    const why = refusal(request.method, request.headers)
    if (why !== undefined) return end(request.method === 'GET' ? 403 : 405, why)
    const url = new URL(request.url ?? '/', `http://${HOST}`)
    const token = url.searchParams.get('token')
    if (url.pathname === '/' && token !== null && isSecret(token, secret)) return enter(response, secret)
    if (!knowsSecret(request.headers, secret)) return end(403, 'open the address that podroute ui printed')
    if (url.pathname === '/') {
      return response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' }).end(page)
    }
    if (url.pathname === '/api/stream') return stream(response, feed)
    if (url.pathname !== '/api/ask') return end(404, 'not found')
    const { node = '', path = '' } = Object.fromEntries(url.searchParams)
    feed.ask(node, path).then(
      (answer) =>
        response
          .writeHead(200, { ...headers, 'content-type': 'application/json' })
          .end(JSON.stringify(answer)),
      (error: Error) => end(502, error.message),
    )
  })
  server.maxConnections = MOST_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: HOST, port }, resolve)
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://${HOST}:${bound}/?token=${secret}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The secret leaves the address bar, and the browser's history of this page. */
function enter(response: ServerResponse, secret: string): void {
  const cookie = `${COOKIE}=${secret}; HttpOnly; SameSite=Strict; Path=/`
  response.writeHead(303, { location: '/', 'set-cookie': cookie, 'cache-control': 'no-store' }).end()
}

function stream(response: ServerResponse, feed: Feed): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const subscription = feed.subscribe((message) => response.write(`data: ${JSON.stringify(message)}\n\n`))
  const alive = setInterval(() => response.write(': alive\n\n'), ALIVE)
  response.on('close', () => {
    clearInterval(alive)
    subscription[Symbol.dispose]()
  })
}

/** Nothing but the page's own script and style runs in it, whatever an object of the cluster is called. */
function pageHeaders(page: string): Readonly<Record<string, string>> {
  const hashes = (tag: string) =>
    [...page.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs'))]
      .map(([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`)
      .join(' ')
  const policy = [
    ...["default-src 'none'", `script-src ${hashes('script')}`, `style-src ${hashes('style')}`],
    ...["connect-src 'self'", 'img-src data:', "base-uri 'none'", "form-action 'none'"],
    "frame-ancestors 'none'",
  ]
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  }
}
