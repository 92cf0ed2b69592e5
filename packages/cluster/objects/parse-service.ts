/** A Service of the API to a Service that is ours to proxy; bad fields are reported, the rest is used. */
import { isLocalByAnnotation, ownAnnotations } from './annotations.ts'
import { addressOf, exact, keyOf, listOf, portOf, prefixOf, protocolOf, shown, textOf } from './fields.ts'
import type { Labels } from './label-selector.ts'
import type { FieldProblem } from './problem.ts'
import {
  type Affinity,
  HEADLESS_LABEL,
  PROXY_NAME_LABEL,
  type Service,
  type ServiceObject,
  type ServicePort,
} from './service.ts'

/** Ranges that no client is in. */
const NOBODY = ['0.0.0.0/32', '::/128']

/** A field cannot be used. */
export type Report = (path: string, reason: string) => void
type Spec = NonNullable<ServiceObject['spec']>

/** API default and upper bound of sessionAffinityConfig.clientIP.timeoutSeconds. */
const DEFAULT_AFFINITY_SECONDS = 10_800
const LONGEST_AFFINITY_SECONDS = 86_400
const NO_LABELS: Labels = {}
const NO_AFFINITY: Affinity = { kind: 'none' }

/** Undefined for what no proxy serves (headless, ExternalName, no address yet) or another one does (KEP-2447). */
export function parseService(object: ServiceObject, key = keyOf(object?.metadata)): Service | undefined {
  const spec = object?.spec
  if (key === undefined || typeof spec !== 'object' || spec === null) return undefined
  const labels = labelsOf(object)
  if (labels[PROXY_NAME_LABEL] !== undefined || labels[HEADLESS_LABEL] !== undefined) return undefined
  if (spec.type === 'ExternalName' || !spec.clusterIP || spec.clusterIP === 'None') return undefined
  const problems: FieldProblem[] = []
  const report: Report = (path, reason) => problems.push({ path, reason })
  const type = spec.type ?? 'ClusterIP'
  const annotations = ownAnnotations(object.metadata?.annotations)
  const local = isLocalByAnnotation(annotations)
  return {
    key,
    uid: textOf(object.metadata?.uid),
    created: createdAt(object),
    namespace: textOf(object.metadata?.namespace),
    name: textOf(object.metadata?.name),
    ports: parsePorts(spec, type, report),
    clusterIPs: parseAddresses(clusterIPsOf(spec), 'spec.clusterIPs', report),
    externalIPs: parseAddresses(listOf(spec.externalIPs), 'spec.externalIPs', report),
    ingressIPs: type === 'LoadBalancer' ? parseIngress(object, report) : exact([]),
    sourceRanges: type === 'LoadBalancer' ? parseRanges(spec, report) : exact([]),
    externalPolicy: local || spec.externalTrafficPolicy === 'Local' ? 'local' : 'cluster',
    internalPolicy: local || spec.internalTrafficPolicy === 'Local' ? 'local' : 'cluster',
    affinity: parseAffinity(spec),
    healthCheckNodePort:
      type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
        ? (portOf(spec.healthCheckNodePort) ?? 0)
        : 0,
    labels,
    annotations,
    problems: exact(problems),
  }
}

function labelsOf({ metadata }: ServiceObject): Labels {
  const { labels } = metadata ?? {}
  if (typeof labels !== 'object' || labels === null) return NO_LABELS
  const texts = Object.entries(labels).filter(([, value]) => typeof value === 'string')
  return texts.length === 0 ? NO_LABELS : Object.fromEntries(texts)
}

function createdAt(object: ServiceObject): number {
  const at = new Date(object.metadata?.creationTimestamp ?? 0).getTime()
  return Number.isFinite(at) ? at : 0
}

function clusterIPsOf(spec: Spec): readonly string[] {
  const all = listOf(spec.clusterIPs)
  return all.length > 0 ? all : [textOf(spec.clusterIP)]
}

function parsePorts(spec: Spec, type: string, report: Report): readonly ServicePort[] {
  const ports: ServicePort[] = []
  for (const [index, entry] of listOf(spec.ports).entries()) {
    const protocol = protocolOf(entry.protocol)
    const port = portOf(entry.port)
    if (protocol === undefined || port === undefined) {
      report(`spec.ports[${index}]`, `no such port or protocol: ${shown(entry)}`)
      continue
    }
    const nodePort = type === 'NodePort' || type === 'LoadBalancer' ? (portOf(entry.nodePort) ?? 0) : 0
    ports.push({ name: textOf(entry.name), protocol, port, nodePort })
  }
  return exact(ports)
}

function parseAddresses(values: readonly unknown[], field: string, report: Report): readonly string[] {
  const addresses: string[] = []
  for (const [index, value] of values.entries()) {
    const address = addressOf(value)
    if (address === undefined) report(`${field}[${index}]`, `not an address: ${shown(value)}`)
    else if (!addresses.includes(address)) addresses.push(address)
  }
  return exact(addresses)
}

/** Only entries with an `ip`, and none that the load balancer itself answers for (ipMode Proxy, KEP-1860). */
function parseIngress(object: ServiceObject, report: Report): readonly string[] {
  const entries = listOf(object.status?.loadBalancer?.ingress)
  const bound = entries.filter((entry) => entry.ip && (entry.ipMode ?? 'VIP') === 'VIP')
  return parseAddresses(
    bound.map((entry) => entry.ip),
    'status.loadBalancer.ingress',
    report,
  )
}

function parseRanges(spec: Spec, report: Report): readonly string[] {
  const ranges: string[] = []
  for (const [index, value] of listOf(spec.loadBalancerSourceRanges).entries()) {
    const range = prefixOf(value)
    if (range === undefined)
      report(`spec.loadBalancerSourceRanges[${index}]`, `not a prefix: ${shown(value)}`)
    else ranges.push(range)
  }
  // Whoever restricts clients and mistypes it means some, not all.
  return ranges.length === 0 && listOf(spec.loadBalancerSourceRanges).length > 0 ? NOBODY : exact(ranges)
}

function parseAffinity(spec: Spec): Affinity {
  if (spec.sessionAffinity !== 'ClientIP') return NO_AFFINITY
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  const valid = Number.isInteger(seconds) && seconds! > 0 && seconds! <= LONGEST_AFFINITY_SECONDS
  return { kind: 'client-ip', seconds: valid ? seconds! : DEFAULT_AFFINITY_SECONDS }
}
