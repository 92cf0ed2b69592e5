/** Requests to the API server: objects as JSON, watches as a stream of lines. Server, CA and credentials come from a KubeConfig. */
import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { ApiStatusError } from '../errors.ts'
import { type ListPage, parseList, parseObjects } from './json.ts'
import { readLines } from './lines.ts'
import { contentTypeOf, type Patch, patchBody, patchQuery } from './patch.ts'
import type { Query } from './query.ts'
import { statusError } from './status.ts'

/** What watches need. */
export interface ApiReader {
  /** URL of the API server. */
  readonly server: string
  /** @throws ApiStatusError on an answer other than success, or the connection's error. */
  getJson(path: string, query: Query, signal: AbortSignal): Promise<unknown>
  /** A page of a list. @throws like getJson, and from its items SyntaxError. */
  getList(path: string, query: Query, signal: AbortSignal): Promise<ListPage>
  /** Resolves when the answer begins. @throws like getJson. */
  lines(path: string, query: Query, signal: AbortSignal): Promise<LineReader>
}

/** What is written; every path but that of `postJson` is an object's. */
export interface ApiClient extends ApiReader {
  /** Creates an object. @param path of its kind. @throws like getJson; `alreadyExists` where there is one of that name. */
  postJson(path: string, body: unknown, signal: AbortSignal): Promise<unknown>
  /** Replaces an object. @throws like getJson; ConflictError when it is no longer of the version that `body` names. */
  putJson(path: string, body: unknown, signal: AbortSignal): Promise<unknown>
  /** Changes an object. @throws like getJson; ConflictError when it is no longer of the version that `patch` names. */
  patchJson(path: string, patch: Patch, signal: AbortSignal): Promise<unknown>
  /** Deletes an object. @throws like getJson; ConflictError when it is another one than `only` says. */
  deleteJson(path: string, only: Preconditions, signal: AbortSignal): Promise<unknown>
  /** Keeps no connection that nothing is asked on: idle ones end now, others with their answers. */
  release(): void
}

/** Calls `onLine` with each line until the server ends the answer; rejects with what breaks it, or with what `onLine` throws. */
export type LineReader = (onLine: (line: string) => void) => Promise<void>

/** Which object is meant, where the name alone does not say it. */
export interface Preconditions {
  readonly uid?: string
  readonly resourceVersion?: string
}

/** What is sent: without a body it is a GET, or a DELETE of whatever is there. */
interface Outgoing {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Query
  readonly signal: AbortSignal
  /** 0: the answer may be silent for as long as it likes. */
  readonly idleMs?: number
  readonly type?: string
  readonly body?: unknown
}

/** No byte for this long ends a list; a watch lives by TCP keep-alive, because a quiet one is silent for minutes. */
const LIST_IDLE_MS = 30_000
/** First keep-alive probe; libuv then probes each second, ten times: a dead server is noticed within 30 s. */
const KEEP_ALIVE_MS = 15_000
/** Error bodies are read up to this many bytes. */
const MAX_ERROR_BYTES = 16_384

/** @param answered is told from which address each answer came */
export function createApiClient(
  config: KubeConfig,
  answered: (address: string | undefined) => void = () => {},
): ApiClient {
  const server = config.getCurrentCluster()?.server
  if (!server) throw new ApiStatusError(0, 'the kubeconfig has no current cluster')
  const agents = new Set<Agent>()
  let keepAlive = true
  const open = async (outgoing: Outgoing) => {
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    // Else every page of a list begins with a connection and a TLS handshake of its own.
    if (options.agent instanceof Agent) agents.add(Object.assign(options.agent, { keepAlive }))
    const url = new URL(server + outgoing.path)
    for (const [name, value] of Object.entries(outgoing.query ?? {})) url.searchParams.set(name, value)
    const response = await send(url, options, outgoing)
    answered(response.socket.remoteAddress)
    return response
  }
  const ask = async (outgoing: Outgoing) => parseObjects(await readText(await open(outgoing)))
  return {
    server,
    getJson: (path, query, signal) => ask({ method: 'GET', path, query, signal }),
    async getList(path, query, signal) {
      return parseList(await readText(await open({ method: 'GET', path, query, signal })))
    },
    postJson: (path, body, signal) => ask({ method: 'POST', path, body, signal }),
    putJson: (path, body, signal) => ask({ method: 'PUT', path, body, signal }),
    patchJson: (path, patch, signal) =>
      ask({
        ...{ method: 'PATCH', path, signal },
        ...{ query: patchQuery(patch), type: contentTypeOf(patch), body: patchBody(patch) },
      }),
    deleteJson: (path, only, signal) =>
      ask({ method: 'DELETE', path, signal, body: { preconditions: only } }),
    release() {
      keepAlive = false
      for (const agent of agents) endIdle(agent)
    },
    async lines(path, query, signal) {
      const response = await open({ method: 'GET', path, query, signal, idleMs: 0 })
      return (onLine) => readLines(response, onLine)
    },
  }
}

function endIdle(agent: Agent): void {
  Object.assign(agent, { keepAlive: false })
  for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy()
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function send(url: URL, options: RequestOptions, outgoing: Outgoing): Promise<IncomingMessage> {
  const { method, body, signal, idleMs = LIST_IDLE_MS, type = 'application/json' } = outgoing
  const text = body === undefined ? undefined : JSON.stringify(body)
  // Node adds a length to a DELETE only where it is told.
  const content =
    text === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(text) }
  return new Promise((resolve, reject) => {
    const headers = { ...options.headers, accept: 'application/json', ...content }
    const sent = request(url, { ...options, method, headers, signal })
    sent.setTimeout(idleMs || LIST_IDLE_MS, () => sent.destroy(new Error('no answer from the API server')))
    sent.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS))
    sent.on('error', reject)
    sent.on('response', (response) => {
      if (idleMs === 0) sent.setTimeout(0)
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) resolve(response)
      else readError(response).then(reject, reject)
    })
    sent.end(text)
  })
}

async function readError(response: IncomingMessage): Promise<ApiStatusError> {
  let text = ''
  for await (const chunk of response) {
    text += String(chunk)
    if (text.length > MAX_ERROR_BYTES) break
  }
  return statusError(response.statusCode ?? 0, text)
}
