/** Makes what connectivity is tried with in a namespace of its own, and removes it, whatever happens. */
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { Trial } from '@podroute/feature/trial.ts'
import { CliError } from '../errors.ts'
import type { Agent } from '../kubectl/agents.ts'
import { failure, type Kubectl, run } from '../kubectl/kubectl.ts'
import { namespaceObject, standObjects } from './objects.ts'
import { addressesOf, type Stand, type StandNode, type StandPod, type StandService } from './stand.ts'

/** Milliseconds between two looks. */
const PAUSE = 500
/** Of agents that do not say. */
const HEALTH_PORT = 20244

interface ApiObject {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec: {
    readonly nodeName?: string
    readonly clusterIP?: string
    readonly clusterIPs?: readonly string[]
    readonly ports?: readonly { readonly name?: string; readonly port: number; readonly nodePort?: number }[]
  }
  readonly status: {
    readonly podIPs?: readonly { readonly ip: string }[]
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly message?: string
    }[]
    readonly containerStatuses?: readonly {
      readonly state: { readonly waiting?: { readonly reason?: string; readonly message?: string } }
    }[]
    readonly addresses?: readonly { readonly type: string; readonly address: string }[]
  }
}

export interface FieldOptions {
  readonly agents: readonly Agent[]
  readonly image: string
  readonly trials: readonly Trial[]
}

export class Field {
  readonly namespace = `podroute-connectivity-${randomBytes(3).toString('hex')}`
  readonly #kubectl: Kubectl
  readonly #options: FieldOptions

  constructor(kubectl: Kubectl, options: FieldOptions) {
    this.#kubectl = kubectl
    this.#options = options
  }

  /** Of the namespace. */
  get kubectl(): Kubectl {
    return { ...this.#kubectl, namespace: this.namespace }
  }

  /** @throws CliError */
  async create(): Promise<void> {
    const { agents, image, trials } = this.#options
    const { namespace } = this
    const nodes = agents.map(({ node }) => node)
    const items = [namespaceObject(namespace), ...standObjects({ namespace, nodes, image, trials })]
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
    // To its end: what is made after a removal would stay.
    const ended = await run(this.kubectl, ['create', '-f', '-'], { input, detached: true })
    if (ended.status !== 0) throw failure(ended, this.namespace)
  }

  /** When all pods are ready. @throws CliError that names those that are not when `signal` aborts */
  async stand(signal: AbortSignal): Promise<Stand> {
    for (;;) {
      const items = await this.#get(this.kubectl, 'pods,services')
      const pods = items.filter(({ kind }) => kind === 'Pod')
      const waiting = pods.filter((pod) => !isReady(pod)).map(whyNot)
      if (waiting.length === 0) return this.#standOf(pods, items)
      if (signal.aborted) throw new CliError('answer', `pods do not start: ${waiting.join('; ')}`)
      await setTimeout(PAUSE, undefined, { signal }).catch(() => {})
    }
  }

  /** @returns what is left, and how to remove it; '': nothing */
  async remove(): Promise<string> {
    const args = ['delete', 'namespace', this.namespace, '--ignore-not-found', '--timeout=120s']
    const { status, stderr } = await run(this.#kubectl, args, { detached: true })
    if (status === 0) return ''
    return `namespace ${this.namespace} is left (kubectl delete namespace ${this.namespace}): ${stderr.trim()}`
  }

  async #get(kubectl: Kubectl, what: string, ...more: readonly string[]): Promise<readonly ApiObject[]> {
    const ended = await run(kubectl, ['get', what, ...more, '--output', 'json'], { detached: true })
    if (ended.status !== 0) throw failure(ended, kubectl.namespace)
    const found = JSON.parse(ended.stdout) as ApiObject & { readonly items?: readonly ApiObject[] }
    return found.items ?? [found]
  }

  async #standOf(podItems: readonly ApiObject[], items: readonly ApiObject[]): Promise<Stand> {
    const { agents, trials } = this.#options
    const [nodes, [api], dns] = await Promise.all([
      this.#get(this.#kubectl, 'nodes'),
      this.#get({ ...this.#kubectl, namespace: 'default' }, 'services', 'kubernetes'),
      this.#get({ ...this.#kubectl, namespace: 'kube-system' }, 'services', '-l', 'k8s-app=kube-dns'),
    ])
    const pods = podItems.map(podOf)
    const services = items.filter(({ kind }) => kind === 'Service').map(serviceOf)
    return {
      namespace: this.namespace,
      families: ([4, 6] as const).filter((family) => pods.some(({ addresses }) => addresses[family])),
      nodes: agents.map((agent) => nodeOf(agent, nodes)),
      pods: new Map(pods.map((pod) => [pod.name, pod])),
      services: new Map(services.map((service) => [service.name, service])),
      api: serviceOf(api!),
      nodeServer: agents[0]?.healthPort ?? HEALTH_PORT,
      dns: dns.length > 0,
      trials,
    }
  }
}

function isReady({ status }: ApiObject): boolean {
  return status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false
}

function whyNot({ metadata, spec, status }: ApiObject): string {
  const { reason, message } =
    status.containerStatuses?.find(({ state }) => state.waiting)?.state.waiting ?? {}
  const why = [reason, message].filter((text) => text !== undefined).join(': ')
  return `${metadata.name} on ${spec.nodeName}: ${why || 'it is not ready'}`
}

function podOf({ metadata, spec, status }: ApiObject): StandPod {
  const addresses = addressesOf((status.podIPs ?? []).map(({ ip }) => ip))
  return { name: metadata.name, node: spec.nodeName ?? '', addresses }
}

function serviceOf({ metadata, spec }: ApiObject): StandService {
  const [port] = spec.ports ?? []
  const addresses = addressesOf((spec.clusterIPs ?? []).filter((address) => address !== 'None'))
  return { name: metadata.name, addresses, port: port?.port ?? 0, nodePort: port?.nodePort ?? 0 }
}

function nodeOf({ node, pod }: Agent, nodes: readonly ApiObject[]): StandNode {
  const found = nodes.find(({ metadata }) => metadata.name === node)?.status.addresses ?? []
  const internal = found.filter(({ type }) => type === 'InternalIP').map(({ address }) => address)
  return { name: node, addresses: addressesOf(internal), agent: pod }
}
