/** As much of an API server as kube-proxy reads: lists and watches of Services, EndpointSlices, and one Node. Plain HTTP. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { NODE_ADDRESS, NODE_NAME } from './services-objects.ts'

interface KubeObject {
  readonly metadata: { readonly name: string }
}

interface Collection {
  readonly kind: string
  readonly apiVersion: string
  readonly items: Map<string, KubeObject>
  readonly watchers: Set<ServerResponse>
}

export class BenchApi implements AsyncDisposable {
  readonly #collections: ReadonlyMap<string, Collection> = new Map([
    ['/api/v1/services', collection('Service', 'v1')],
    ['/apis/discovery.k8s.io/v1/endpointslices', collection('EndpointSlice', 'discovery.k8s.io/v1')],
    ['/api/v1/nodes', collection('Node', 'v1')],
    ['/apis/networking.k8s.io/v1/servicecidrs', collection('ServiceCIDR', 'networking.k8s.io/v1')],
  ])
  readonly #server = createServer((request, response) => this.#answer(request, response))
  #version = 10_000

  constructor() {
    this.#put('/api/v1/nodes', {
      metadata: { name: NODE_NAME, ...{ uid: 'node', resourceVersion: '1' } },
      ...{
        spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] },
        status: { addresses: [{ type: 'InternalIP', address: NODE_ADDRESS }] },
      },
    })
  }

  /** Listens on all addresses of the namespace in which it is called, at once. */
  listen(port: number): void {
    this.#server.listen(port)
  }

  setService(object: KubeObject): void {
    this.#put('/api/v1/services', object)
  }

  setSlice(object: KubeObject): void {
    this.#put('/apis/discovery.k8s.io/v1/endpointslices', object)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #put(path: string, object: KubeObject): void {
    const { kind, apiVersion, items, watchers } = this.#collections.get(path)!
    const full = {
      kind,
      apiVersion,
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(++this.#version) },
    }
    const type = items.has(object.metadata.name) ? 'MODIFIED' : 'ADDED'
    items.set(object.metadata.name, full)
    for (const watcher of watchers) watcher.write(`${JSON.stringify({ type, object: full })}\n`)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const found = this.#collections.get(url.pathname)
    response.setHeader('content-type', 'application/json')
    if (request.method === 'POST') response.writeHead(201).end('{}')
    else if (url.pathname === `/api/v1/nodes/${NODE_NAME}`) {
      response.end(JSON.stringify(this.#collections.get('/api/v1/nodes')!.items.get(NODE_NAME)))
    } else if (!found) response.writeHead(404).end('{"kind":"Status","apiVersion":"v1","code":404}')
    else if (url.searchParams.has('watch')) this.#watch(found, url, response)
    else response.end(this.#list(found))
  }

  #list({ kind, apiVersion, items }: Collection): string {
    const metadata = { resourceVersion: String(this.#version) }
    return JSON.stringify({ kind: `${kind}List`, apiVersion, metadata, items: [...items.values()] })
  }

  #watch(found: Collection, url: URL, response: ServerResponse): void {
    response.writeHead(200)
    response.flushHeaders()
    found.watchers.add(response)
    response.on('close', () => found.watchers.delete(response))
    if (url.searchParams.get('sendInitialEvents') !== 'true') return
    const { kind, apiVersion, items } = found
    for (const object of items.values()) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    const metadata = {
      resourceVersion: String(this.#version),
      annotations: { 'k8s.io/initial-events-end': 'true' },
    }
    response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { kind, apiVersion, metadata } })}\n`)
  }
}

function collection(kind: string, apiVersion: string): Collection {
  return { kind, apiVersion, items: new Map(), watchers: new Set() }
}
