/** Services with external IPs and their EndpointSlices, as they are written to the API server. */
import type { QuickApi } from './quick-api.ts'

export interface AnnouncedService {
  readonly name: string
  readonly address: string
  readonly policy?: 'Cluster' | 'Local'
  readonly port?: number
}

/** One endpoint: its address, the node that it is on, and its conditions. */
export type Endpoint = readonly [
  address: string,
  nodeName: string,
  conditions?: { readonly ready: boolean; readonly serving?: boolean; readonly terminating?: boolean },
]

const SERVICES = '/api/v1/namespaces/default/services'
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'

export class AnnouncedServices {
  readonly #api: QuickApi
  readonly #slices = new Set<string>()

  constructor(api: QuickApi) {
    this.#api = api
  }

  create({ name, address, policy = 'Cluster', port = 80 }: AnnouncedService): Promise<void> {
    return this.#api.create(SERVICES, {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
      spec: {
        // Without a selector nobody makes slices but the test.
        ports: [{ port, targetPort: 8080 }],
        externalIPs: [address],
        externalTrafficPolicy: policy,
      },
    })
  }

  remove(name: string): Promise<void> {
    return this.#api.delete(`${SERVICES}/${name}`)
  }

  async slice(service: string, endpoints: readonly Endpoint[], name = service): Promise<void> {
    const object = {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
      metadata: { name, labels: { 'kubernetes.io/service-name': service } },
      ports: [{ port: 8080, protocol: 'TCP' }],
      endpoints: endpoints.map(([address, nodeName, conditions = { ready: true }]) => ({
        ...{ addresses: [address], nodeName, conditions },
      })),
    }
    if (this.#slices.has(name)) return this.#api.replace(`${SLICES}/${name}`, object)
    this.#slices.add(name)
    return this.#api.create(SLICES, object)
  }

  async removeSlice(name: string): Promise<void> {
    this.#slices.delete(name)
    await this.#api.delete(`${SLICES}/${name}`)
  }
}
