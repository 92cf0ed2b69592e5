/**
 * An API server of a few objects: lists, watches and nothing else, over HTTPS. Runs in the namespace that it is to be in; lines
 * of JSON on stdin, `{ path, object }`, put an object in place. Says `ready` when it listens.
 *
 *   node api-process.ts ADDRESS PORT KEY CERTIFICATE
 */
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { createInterface } from 'node:readline'

interface ApiObject {
  readonly metadata: { readonly name: string; readonly namespace?: string }
}
interface Change {
  readonly path: string
  readonly version: number
  readonly type: 'ADDED' | 'MODIFIED'
  readonly object: ApiObject
}

const [address, port, key = '', cert = ''] = process.argv.slice(2)
const objects = new Map<string, Map<string, ApiObject>>()
const changes: Change[] = []
const watchers = new Set<{ readonly path: string; readonly response: ServerResponse }>()
let version = 1

function put(path: string, { metadata, ...rest }: ApiObject): void {
  const there = objects.get(path) ?? new Map<string, ApiObject>()
  objects.set(path, there)
  const name = `${metadata.namespace}/${metadata.name}`
  const type = there.has(name) ? 'MODIFIED' : 'ADDED'
  const object = { ...rest, metadata: { ...metadata, resourceVersion: String(++version) } }
  there.set(name, object)
  const change = { path, version, type, object } as const
  changes.push(change)
  for (const watcher of watchers) if (watcher.path === path) tell(watcher.response, change)
}

function tell(response: ServerResponse, { type, object }: Change): void {
  response.write(`${JSON.stringify({ type, object })}\n`)
}

createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
  const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'https://node')
  request.resume()
  response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' })
  if (query.get('watch') !== 'true') {
    const items = [...(objects.get(path)?.values() ?? [])]
    response.end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }))
    return
  }
  response.flushHeaders()
  const since = Number(query.get('resourceVersion'))
  for (const change of changes) if (change.path === path && change.version > since) tell(response, change)
  const watcher = { path, response }
  watchers.add(watcher)
  response.on('close', () => watchers.delete(watcher))
}).listen(Number(port), address, () => process.stdout.write('ready\n'))

for await (const line of createInterface({ input: process.stdin })) {
  const { path, object } = JSON.parse(line) as { path: string; object: ApiObject }
  put(path, object)
}
