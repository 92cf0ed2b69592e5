/** Whom `kubectl podroute capture` means, on which nodes, and what all addresses of a cluster are called: by its objects. Pure. */
import { canonicalAddress } from '@podroute/address/address.ts'
import { firstHost, parseCidr } from '@podroute/address/cidr.ts'
import { CliError } from '../errors.ts'
import type { Names } from './lines.ts'
import { nodeName, serviceName } from './names.ts'

/** What is read of Pods, Services, Nodes and EndpointSlices. */
export interface ClusterObject {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec?: {
    readonly nodeName?: string
    readonly hostNetwork?: boolean
    readonly podCIDRs?: readonly string[]
    readonly clusterIPs?: readonly string[]
    readonly externalIPs?: readonly string[]
    readonly ports?: readonly { readonly name?: string; readonly port: number }[]
  }
  readonly status?: {
    readonly phase?: string
    readonly podIPs?: readonly { readonly ip: string }[]
    readonly addresses?: readonly { readonly address: string }[]
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] }
  }
  readonly endpoints?: readonly { readonly addresses: readonly string[]; readonly nodeName?: string }[]
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[]
}

/** Pods that have ended have given their addresses back; those of the node's network have none of their own. */
const hasAddress = ({ spec, status }: ClusterObject) =>
  spec?.hostNetwork !== true && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'

export function namesOf(objects: readonly ClusterObject[]): Names {
  const of = (kind: string) => objects.filter((object) => object.kind === kind)
  const named = (found: readonly ClusterObject[], name: (object: ClusterObject) => string) =>
    found.flatMap((object) => addressesOf(object).map((address) => [address, name(object)] as const))
  return new Map([
    ...of('Node').flatMap(bridgesOf),
    ...named(of('Node'), ({ metadata }) => nodeName(metadata.name)),
    ...named(of('Service'), (object) => serviceName(keyOf(object))),
    ...named(of('Pod').filter(hasAddress), keyOf),
  ])
}

/** The address of the bridge, which the node's own packets to pods have: the first one of pods. */
function bridgesOf({ metadata, spec }: ClusterObject): readonly (readonly [string, string])[] {
  return (spec?.podCIDRs ?? []).flatMap((text) => {
    const prefix = parseCidr(text)
    return prefix ? [[firstHost(prefix), nodeName(metadata.name)] as const] : []
  })
}

/** Canonical. */
function addressesOf({ spec, status }: ClusterObject): readonly string[] {
  const { podIPs = [], addresses = [], loadBalancer } = status ?? {}
  const all = [
    ...podIPs.map(({ ip }) => ip),
    ...addresses.map(({ address }) => address),
    ...(spec?.clusterIPs ?? []),
    ...(spec?.externalIPs ?? []),
    ...(loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip),
  ]
  return all.flatMap((text) => canonicalAddress(text) ?? [])
}

function keyOf({ metadata }: ClusterObject): string {
  return `${metadata.namespace}/${metadata.name}`
}

export interface Target {
  readonly addresses: readonly string[]
  /** Those that are wanted, and what they are behind a Service; empty: any. */
  readonly ports: readonly number[]
  /** Where its packets pass for sure. */
  readonly nodes: readonly string[]
}

/** All that the cluster has of whom is meant. */
export interface Known {
  readonly objects: readonly ClusterObject[]
  /** Of the Service that is meant. */
  readonly slices: readonly ClusterObject[]
  /** That are asked for; none: all. */
  readonly ports: readonly number[]
}

/** @param word an address, a Node, or a Service or pod as `namespace/name`: a Service comes first @throws CliError */
export function targetOf(word: string, { objects, slices, ports }: Known): Target {
  const address = canonicalAddress(word)
  const find = (kind: string, fits: (object: ClusterObject) => boolean) =>
    objects.find((object) => object.kind === kind && fits(object))
  if (address !== undefined) {
    const has = (object: ClusterObject) => addressesOf(object).includes(address)
    const pod = find('Pod', (object) => hasAddress(object) && has(object))
    const nodes = [pod?.spec?.nodeName, find('Node', has)?.metadata.name].filter((name) => name !== undefined)
    return { addresses: [address], ports, nodes: nodes.slice(0, 1) }
  }
  const service = find('Service', (object) => keyOf(object) === word)
  if (service) return ofService(service, slices, ports)
  const pod = find('Pod', (object) => keyOf(object) === word)
  if (pod) return ofPod(pod, ports)
  const node = find('Node', ({ metadata }) => metadata.name === word)
  if (node) return { addresses: addressesOf(node), ports, nodes: [word] }
  throw new CliError(
    'usage',
    `there is no ${word}: give an address, a Node, or a pod or Service as namespace/name`,
  )
}

function ofPod(pod: ClusterObject, ports: readonly number[]): Target {
  const addresses = addressesOf(pod)
  const node = pod.spec?.nodeName
  if (addresses.length === 0 || node === undefined)
    throw new CliError('answer', `pod ${keyOf(pod)} has no address yet: kubectl podroute doctor may know why`)
  if (pod.spec?.hostNetwork)
    throw new CliError(
      'usage',
      `pod ${keyOf(pod)} has the addresses of its node: capture ${node} --port PORT`,
    )
  return { addresses, ports, nodes: [node] }
}

/** Ports of a Service are other ones behind it. */
function ofService(
  service: ClusterObject,
  slices: readonly ClusterObject[],
  wanted: readonly number[],
): Target {
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? [])
  const own = (service.spec?.ports ?? []).filter(({ port }) => wanted.length === 0 || wanted.includes(port))
  const names = own.map(({ name = '' }) => name)
  const behind = slices
    .flatMap((slice) => slice.ports ?? [])
    .flatMap(({ name = '', port }) => (port !== undefined && names.includes(name) ? [port] : []))
  const addresses = endpoints.flatMap((one) => one.addresses).flatMap((text) => canonicalAddress(text) ?? [])
  return {
    addresses: [...new Set([...addressesOf(service), ...addresses])],
    ports: [...new Set([...wanted, ...own.map(({ port }) => port), ...behind])],
    nodes: [...new Set(endpoints.flatMap(({ nodeName: node }) => node ?? []))],
  }
}
