/** Writes the objects of the service benchmarks to an API server, many at once. */

import { Agent, type AgentOptions, request } from 'node:https'
import { connect } from 'node:tls'
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import { connectTcp } from '@podroute/linux/tcp.ts'
import { type BenchNodeObject, benchService, benchSlice } from './services-objects.ts'

const SERVICES = '/api/v1/namespaces/default/services'
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
/** Requests under way at once. */
const PARALLEL = 24

interface Credentials {
  readonly server: string
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
}

export class ApiWriter implements Disposable {
  readonly #credentials: Credentials
  readonly #agent: Agent
  #services = 0

  /**
   * @param kubeconfig text, with the certificates in it, as the lab writes it
   * @param netns in which the server is reached; this process's own when absent
   */
  constructor(kubeconfig: string, netns?: string) {
    const options = { keepAlive: true, maxSockets: PARALLEL }
    this.#agent = netns === undefined ? new Agent(options) : new NetnsAgent(netns, options)
    const { clusters, users } = JSON.parse(kubeconfig)
    const bytes = (text: string) => Buffer.from(text, 'base64')
    this.#credentials = {
      server: clusters[0].cluster.server,
      ca: bytes(clusters[0].cluster['certificate-authority-data']),
      cert: bytes(users[0].user['client-certificate-data']),
      key: bytes(users[0].user['client-key-data']),
    }
  }

  async addNode({ name, address, podCIDR }: BenchNodeObject): Promise<void> {
    const metadata = { name }
    const node = { apiVersion: 'v1', kind: 'Node', metadata, spec: { podCIDR, podCIDRs: [podCIDR] } }
    await this.send('POST', '/api/v1/nodes', node)
    const status = {
      addresses: [{ type: 'InternalIP', address }],
      conditions: [{ type: 'Ready', status: 'True' }],
    }
    await this.send('PUT', `/api/v1/nodes/${name}/status`, { ...node, status })
  }

  async removeNode({ name }: BenchNodeObject): Promise<void> {
    await this.send('DELETE', `/api/v1/nodes/${name}`, {})
  }

  /** Adds Services and slices until there are so many. */
  async fill(services: number): Promise<void> {
    const lane = async () => {
      while (this.#services < services) {
        const index = this.#services++
        await this.send('POST', SERVICES, { apiVersion: 'v1', kind: 'Service', ...benchService(index) })
        await this.send('POST', SLICES, sliceObject(benchSlice(index)))
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, lane))
  }

  /** Resolves when the API server has it. */
  async setSlice(slice: EndpointSliceObject & { metadata: { name: string } }): Promise<void> {
    await this.send('PUT', `${SLICES}/${slice.metadata.name}`, sliceObject(slice))
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  /** Resolves when the API server has it. @throws Error with its answer where it refuses */
  send(method: string, path: string, object: object): Promise<void> {
    const { server, ...tls } = this.#credentials
    const body = JSON.stringify(object)
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const sent = request(server + path, { ...tls, agent: this.#agent, method, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          if ((response.statusCode ?? 500) < 300) resolve()
          else reject(new Error(`${method} ${path}: ${Buffer.concat(chunks).toString().slice(0, 300)}`))
        })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }
}

class NetnsAgent extends Agent {
  readonly #netns: string

  constructor(netns: string, options: AgentOptions) {
    super(options)
    this.#netns = netns
  }

  override createConnection(options: { host: string; port: number }) {
    const socket = connectTcp({ address: options.host, port: options.port, netns: this.#netns })
    return connect({ ...options, socket, servername: '' })
  }
}

function sliceObject(slice: object): object {
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', ...slice }
}
