/** The HTTP servers of a node: bounded in connections, headers and time, so that whoever asks badly costs little. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { ConnectionLimit } from './connection-limit.ts'
import { withNetns } from './netns.ts'
import { listenUnix, prepareSocket } from './unix-server.ts'

export type ListenAt =
  /** `::` stands for all addresses of both families, or of IPv4 where the kernel has no IPv6. */
  | {
      readonly kind: 'tcp'
      readonly address: string
      readonly port: number
      readonly netns?: string
      readonly tls?: Certificate | undefined
    }
  /** A unix socket of mode 0600. */
  | { readonly kind: 'unix'; readonly path: string }

/** As PEM. */
export interface Certificate {
  /** With those that lead to its root. */
  readonly cert: string
  readonly key: string
}

export interface HttpListener extends AsyncDisposable {
  /** The port that was bound; 0 for a unix socket. */
  readonly port: number
  /** Connections from now on see this certificate. Of a server with TLS only. @throws Error for one that is none */
  renew(certificate: Certificate): void
}

const ANY = '::'

/** Milliseconds, and bytes for the header. */
const BOUNDS = {
  maxHeaderSize: 8192,
  /** From the connection, or the end of the last answer, to the end of the header. */
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 5_000,
  /** How late the first two are noticed. */
  connectionsCheckingInterval: 5_000,
}
/** A flood must not fill the kernel's queue (511 by default) while this process does something else. */
const backlog = 4096
/** TLS 1.2 and later; the handshake has as long as a header. */
const TLS = { minVersion: 'TLSv1.2', handshakeTimeout: BOUNDS.headersTimeout } as const
/** For a client that reads nothing of its answer. */
const SILENCE_TIMEOUT = 30_000

/**
 * @param limit of this server, or of several that share it
 * @throws Error EADDRINUSE, also for a unix socket that another process serves
 */
export async function listenHttp(
  at: ListenAt,
  limit: ConnectionLimit,
  answer: RequestListener,
): Promise<HttpListener> {
  const asking = new WeakSet<Socket>()
  const onRequest: RequestListener = (request, response) => {
    const { socket } = request
    // Answers of pipelined requests, thousands in one read, would wait in memory for a client that need not read them.
    if (asking.has(socket)) return void socket.destroy()
    asking.add(socket)
    const connection = carrier(socket)
    limit.used(connection)
    response.once('finish', () => {
      asking.delete(socket)
      limit.used(connection)
    })
    // Nobody reads what comes with a request.
    request.resume()
    answer(request, response)
  }
  const tls = at.kind === 'tcp' ? at.tls : undefined
  const server = tls
    ? createSecureServer({ ...BOUNDS, ...TLS, ...tls }, onRequest)
    : createServer(BOUNDS, onRequest)
  server.timeout = SILENCE_TIMEOUT
  server.on('connection', (socket) => limit.add(socket))
  if (at.kind === 'unix') await prepareSocket(at.path)
  await listen(server, at)
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : 0,
    renew: (certificate) => (server as SecureServer).setSecureContext({ ...TLS, ...certificate }),
    [Symbol.asyncDispose]: () => close(server),
  }
}

/** The connection that the limit counts: of TLS the one below, whose handshake may never end. */
function carrier(socket: Socket): Socket {
  return (socket as Socket & { readonly _parent?: Socket | null })._parent ?? socket
}

function listen(server: Server, at: ListenAt): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays for good: an error of a later connection must not end the process.
    server.on('error', reject)
    if (at.kind === 'unix') listenUnix(server, at.path, resolve)
    // Without a host Node.js takes both families or the one that there is, and opens the socket before `listen` returns, in that namespace.
    else if (at.address === ANY)
      withNetns(at.netns, () => void server.listen({ port: at.port, backlog }, resolve))
    else server.listen({ port: at.port, host: at.address, backlog }, resolve)
  })
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
