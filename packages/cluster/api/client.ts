/** Requests to the API server: lists as JSON, watches as a stream of lines. Server, CA and credentials come from a KubeConfig. */
import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { ApiStatusError } from '../errors.ts'
import { type ListPage, parseList, parseObjects } from './json.ts'
import { readLines } from './lines.ts'

export interface ApiClient {
  /** URL of the API server. */
  readonly server: string
  /** @throws ApiStatusError on an answer other than success, or the connection's error. */
  getJson(path: string, query: Query, signal: AbortSignal): Promise<unknown>
  /** A page of a list. @throws like getJson, and from its items SyntaxError. */
  getList(path: string, query: Query, signal: AbortSignal): Promise<ListPage>
  /** Creates an object. @throws like getJson. */
  postJson(path: string, body: unknown, signal: AbortSignal): Promise<unknown>
  /** Resolves when the answer begins. @throws like getJson. */
  lines(path: string, query: Query, signal: AbortSignal): Promise<LineReader>
}

/** Calls `onLine` with each line until the server ends the answer; rejects with what breaks it, or with what `onLine` throws. */
export type LineReader = (onLine: (line: string) => void) => Promise<void>

export type Query = Readonly<Record<string, string>>

/** No byte for this long ends a list; a watch lives by TCP keep-alive, because a quiet one is silent for minutes. */
const LIST_IDLE_MS = 30_000
/** First keep-alive probe; libuv then probes each second, ten times: a dead server is noticed within 30 s. */
const KEEP_ALIVE_MS = 15_000
/** Error bodies are read up to this many bytes. */
const MAX_ERROR_BYTES = 16_384

export function createApiClient(config: KubeConfig): ApiClient {
  const server = config.getCurrentCluster()?.server
  if (!server) throw new ApiStatusError(0, 'the kubeconfig has no current cluster')
  const open = async (path: string, query: Query, signal: AbortSignal, idleMs: number, body?: string) => {
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    // Else every page of a list begins with a connection and a TLS handshake of its own.
    if (options.agent instanceof Agent) Object.assign(options.agent, { keepAlive: true })
    const url = new URL(server + path)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return send(url, { ...options, signal }, idleMs, body)
  }
  return {
    server,
    async getJson(path, query, signal) {
      return parseObjects(await readText(await open(path, query, signal, LIST_IDLE_MS)))
    },
    async getList(path, query, signal) {
      return parseList(await readText(await open(path, query, signal, LIST_IDLE_MS)))
    },
    async postJson(path, body, signal) {
      return parseObjects(await readText(await open(path, {}, signal, LIST_IDLE_MS, JSON.stringify(body))))
    },
    async lines(path, query, signal) {
      const response = await open(path, query, signal, 0)
      return (onLine) => readLines(response, onLine)
    },
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** @param body JSON to be posted; without one it is a GET. */
function send(
  url: URL,
  options: RequestOptions,
  idleMs: number,
  body: string | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const headers = { ...options.headers, accept: 'application/json', ...type }
    const sent = request(url, { ...options, method: body === undefined ? 'GET' : 'POST', headers })
    sent.setTimeout(idleMs || LIST_IDLE_MS, () => sent.destroy(new Error('no answer from the API server')))
    sent.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS))
    sent.on('error', reject)
    sent.on('response', (response) => {
      if (idleMs === 0) sent.setTimeout(0)
      if (response.statusCode === 200 || response.statusCode === 201) resolve(response)
      else readError(response).then(reject, reject)
    })
    sent.end(body)
  })
}

async function readError(response: IncomingMessage): Promise<ApiStatusError> {
  let text = ''
  for await (const chunk of response) {
    text += String(chunk)
    if (text.length > MAX_ERROR_BYTES) break
  }
  return new ApiStatusError(response.statusCode ?? 0, statusMessage(text) ?? `HTTP ${response.statusCode}`)
}

function statusMessage(text: string): string | undefined {
  try {
    const status: unknown = JSON.parse(text)
    return typeof status === 'object' && status !== null && 'message' in status
      ? String(status.message)
      : undefined
  } catch {
    return text.slice(0, 200) || undefined
  }
}
