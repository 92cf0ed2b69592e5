/** The kinds of API objects that the agent follows, and what it keeps of each. */
import { ownAnnotations } from '../objects/annotations.ts'
import type { ClusterNetworkPolicyObject } from '../objects/cluster-network-policy.ts'
import type { EndpointSliceObject } from '../objects/endpoint-slice.ts'
import type { NamespaceObject } from '../objects/namespace.ts'
import type { NetworkPolicyObject } from '../objects/network-policy.ts'
import type { AddressType, NetworkUnavailable, NodeEnding, NodeObject, Taint } from '../objects/node.ts'
import type { PodObject } from '../objects/pod.ts'
import { HEADLESS_LABEL, PROXY_NAME_LABEL, type ServiceObject } from '../objects/service.ts'
import type { ServiceCidrObject } from '../objects/service-cidr.ts'
import { asFields, asText, asTexts, type Fields } from './objects.ts'
import type { ResourceKind } from './resource-watch.ts'

const ZONE_LABEL = 'topology.kubernetes.io/zone'
/** KEP-3836: load balancers are to send such a node nothing new. */
const LEAVING_TAINT = 'ToBeDeletedByClusterAutoscaler'
/** In the message of condition Ready, from the kubelet's first notice of a shutdown on (KEP-2000); it has no reason of its own. */
const SHUTS_DOWN = 'node is shutting down'
/** On EndpointSlices: when what they follow from happened. */
const TRIGGER_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'

export const NODES: ResourceKind<NodeObject> = {
  name: 'nodes',
  path: '/api/v1/nodes',
  trim(object) {
    const { meta, spec, status } = parts(object)
    const name = asText(meta?.name)
    if (name === '') return undefined
    const labels = labelsOf(meta ?? {})
    const zone = labels[ZONE_LABEL] ?? ''
    const annotations = ownAnnotations(meta?.annotations)
    const taints = taintsOf(spec)
    const externalIPs = addressesOf('ExternalIP', status)
    const created = Date.parse(asText(meta?.creationTimestamp))
    const ending = endingOf(meta, status)
    const networkUnavailable = networkUnavailableOf(status)
    return {
      name,
      podCIDRs: podCidrs(spec),
      internalIPs: addressesOf('InternalIP', status),
      ...(externalIPs.length > 0 ? { externalIPs } : {}),
      ready: isReady(status),
      ...(zone === '' ? {} : { zone }),
      ...(isLeaving(meta, taints) ? { leaving: true } : {}),
      ...(ending === undefined ? {} : { ending }),
      ...(created > 0 ? { created } : {}),
      ...(labels === NO_LABELS ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(spec?.unschedulable === true ? { unschedulable: true } : {}),
      ...(taints.length === 0 ? {} : { taints }),
      ...(networkUnavailable === undefined ? {} : { networkUnavailable }),
    }
  },
}

export function triggerTime(slice: EndpointSliceObject): string | undefined {
  const trigger: unknown = slice?.metadata?.annotations?.[TRIGGER_ANNOTATION]
  return asText(trigger) || undefined
}

/** Of Services and of slices alike, as kube-proxy selects them: what another proxy serves (KEP-2447), and what none does. */
const NOT_OURS = `!${PROXY_NAME_LABEL},!${HEADLESS_LABEL}`

/** Services and slices are told as they came: the proxy takes what it needs of them at once, and nobody keeps them. */
export const SERVICES: ResourceKind<ServiceObject> = {
  name: 'services',
  path: '/api/v1/services',
  labelSelector: NOT_OURS,
  trim(object) {
    const { meta, spec } = parts(object)
    return meta && spec ? (object as ServiceObject) : undefined
  },
}

export const ENDPOINT_SLICES: ResourceKind<EndpointSliceObject> = {
  name: 'endpointslices',
  path: '/apis/discovery.k8s.io/v1/endpointslices',
  labelSelector: NOT_OURS,
  trim: (object) => (parts(object).meta ? (object as EndpointSliceObject) : undefined),
}

/** Of Kubernetes 1.33 and later. */
export const SERVICE_CIDRS: ResourceKind<ServiceCidrObject> = {
  name: 'servicecidrs',
  path: '/apis/networking.k8s.io/v1/servicecidrs',
  optional: true,
  trim(object) {
    const cidrs = asTexts(parts(object).spec?.cidrs)
    return cidrs.length > 0 ? { cidrs } : undefined
  },
}

export const NETWORK_POLICIES: ResourceKind<NetworkPolicyObject> = {
  name: 'networkpolicies',
  path: '/apis/networking.k8s.io/v1/networkpolicies',
  trim: (object) => (parts(object).spec ? (object as NetworkPolicyObject) : undefined),
}

/** Its CRD need not be there. */
export const CLUSTER_NETWORK_POLICIES: ResourceKind<ClusterNetworkPolicyObject> = {
  name: 'clusternetworkpolicies',
  path: '/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies',
  optional: true,
  trim: (object) => (parts(object).spec ? (object as ClusterNetworkPolicyObject) : undefined),
}

export const NAMESPACES: ResourceKind<NamespaceObject> = {
  name: 'namespaces',
  path: '/api/v1/namespaces',
  trim(object) {
    const { meta } = parts(object)
    return meta && { labels: labelsOf(meta) }
  },
}

/** Of all nodes: any of them may be somebody's peer. */
export const PODS: ResourceKind<PodObject> = {
  name: 'pods',
  path: '/api/v1/pods',
  trim(object) {
    const { meta, spec, status } = parts(object)
    if (!meta || !spec) return undefined
    const ports = namedPorts(spec)
    const staticUid = asText(asFields(meta.annotations)?.[STATIC_ANNOTATION])
    const created = Date.parse(asText(meta.creationTimestamp))
    return {
      uid: asText(meta.uid),
      ...(staticUid === '' ? {} : { staticUid }),
      labels: labelsOf(meta),
      node: asText(spec.nodeName),
      addresses: podAddresses(status),
      ...(ports.length > 0 ? { ports } : {}),
      ...(spec.hostNetwork === true ? { hostNetwork: true } : {}),
      ...(ENDED.has(asText(status?.phase)) ? { ended: true } : {}),
      ...(meta.deletionTimestamp === undefined ? {} : { leaving: true }),
      ...(created > 0 ? { created } : {}),
    }
  },
}

/** On the Pod that the kubelet makes for one of a file. */
const STATIC_ANNOTATION = 'kubernetes.io/config.hash'

const ENDED: ReadonlySet<string> = new Set(['Succeeded', 'Failed'])
const NO_LABELS: Readonly<Record<string, string>> = {}

function labelsOf(meta: Fields): Readonly<Record<string, string>> {
  const labels = Object.entries(asFields(meta.labels) ?? {}).filter(([, value]) => typeof value === 'string')
  return labels.length === 0 ? NO_LABELS : (Object.fromEntries(labels) as Record<string, string>)
}

/** status.podIPs, or the older status.podIP alone. */
function podAddresses(status: Fields | undefined): string[] {
  const many = list(status?.podIPs).map(({ ip }) => asText(ip))
  const one = asText(status?.podIP)
  return many.length > 0 || one === '' ? many : [one]
}

/** Of init containers only those that go on running have a say. */
function namedPorts(spec: Fields): NonNullable<PodObject['ports']> {
  const sidecars = list(spec.initContainers).filter(({ restartPolicy }) => restartPolicy === 'Always')
  const ports = [...list(spec.containers), ...sidecars].flatMap((container) => list(container.ports))
  return ports
    .filter((port) => asText(port.name) !== '')
    .map((port) => ({ name: asText(port.name), protocol: port.protocol, port: port.containerPort }))
}

function parts(object: unknown) {
  const fields = asFields(object)
  return { meta: asFields(fields?.metadata), spec: asFields(fields?.spec), status: asFields(fields?.status) }
}

/** spec.podCIDRs, or the older spec.podCIDR alone. */
function podCidrs(spec: Fields | undefined): string[] {
  const many = asTexts(spec?.podCIDRs)
  const one = asText(spec?.podCIDR)
  return many.length > 0 || one === '' ? many : [one]
}

function addressesOf(type: AddressType, status: Fields | undefined): string[] {
  return list(status?.addresses)
    .filter((address) => address.type === type)
    .map((address) => asText(address.address))
}

function taintsOf(spec: Fields | undefined): Taint[] {
  return list(spec?.taints).map(({ key, value, effect }) => ({
    key: asText(key),
    value: asText(value),
    effect: asText(effect),
  }))
}

function isLeaving(meta: Fields | undefined, taints: readonly Taint[]): boolean {
  return meta?.deletionTimestamp !== undefined || taints.some(({ key }) => key === LEAVING_TAINT)
}

function endingOf(meta: Fields | undefined, status: Fields | undefined): NodeEnding | undefined {
  if (meta?.deletionTimestamp !== undefined) return 'deletion'
  const ready = list(status?.conditions).find(({ type }) => type === 'Ready')
  const shutsDown = ready?.status !== 'True' && asText(ready?.message).includes(SHUTS_DOWN)
  return shutsDown ? 'shutdown' : undefined
}

function networkUnavailableOf(status: Fields | undefined): NetworkUnavailable | undefined {
  const found = list(status?.conditions).find(({ type }) => type === 'NetworkUnavailable')
  if (!found) return undefined
  const { status: told, reason, message, lastTransitionTime } = found
  return {
    ...{ status: asText(told), reason: asText(reason), message: asText(message) },
    since: asText(lastTransitionTime),
  }
}

function isReady(status: Fields | undefined): boolean {
  return list(status?.conditions).some(
    (condition) => condition.type === 'Ready' && condition.status === 'True',
  )
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(asFields).filter((item) => item !== undefined) : []
}
