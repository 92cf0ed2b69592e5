/** A NetworkPolicy of the API, checked: what cannot be used is reported, and allows nothing. */
import { type Cidr, parseCidr } from '@podroute/address/cidr.ts'
import { exact, listOf, portOf, protocolOf, shown, textOf } from './fields.ts'
import { type LabelSelector, type LabelSelectorObject, parseSelector } from './label-selector.ts'
import type {
  NetworkPolicy,
  NetworkPolicyObject,
  Peer,
  PeerObject,
  PolicyPort,
  PolicyRule,
  PortObject,
} from './network-policy.ts'
import type { FieldProblem } from './problem.ts'

type Report = (path: string, reason: string) => void
type Spec = NonNullable<NetworkPolicyObject['spec']>

const LAST_PORT = 65_535

/** Never throws. @param key `namespace/name` */
export function parseNetworkPolicy(object: NetworkPolicyObject, key: string): NetworkPolicy {
  const problems: FieldProblem[] = []
  const report: Report = (path, reason) => problems.push({ path, reason })
  const spec = object.spec ?? {}
  const types = directionsOf(spec)
  const slash = key.indexOf('/')
  const ingress = listOf(spec.ingress).map((rule, i) =>
    parseRule(rule?.from, rule?.ports, { path: `spec.ingress[${i}]`, peers: 'from' }, report),
  )
  const egress = listOf(spec.egress).map((rule, i) =>
    parseRule(rule?.to, rule?.ports, { path: `spec.egress[${i}]`, peers: 'to' }, report),
  )
  return {
    ...{ key, namespace: key.slice(0, slash), name: key.slice(slash + 1) },
    uid: textOf(object.metadata?.uid),
    podSelector: subject(spec.podSelector, report),
    ingress: types.includes('Ingress') ? exact(ingress) : undefined,
    egress: types.includes('Egress') ? exact(egress) : undefined,
    problems: exact(problems),
  }
}

/** As the API server fills them in: ingress always, egress where there are rules for it. */
function directionsOf(spec: Spec): readonly string[] {
  const types = listOf(spec.policyTypes)
  if (types.length > 0) return types
  return listOf(spec.egress).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
}

/** A requirement that is not known counts as met: rather too many pods are isolated than too few. */
function subject(selector: LabelSelectorObject | undefined, report: Report): LabelSelector {
  const parsed = parseSelector(selector, (reason) => report('spec.podSelector', reason))
  return parsed.filter(({ kind }) => kind !== 'unknown')
}

interface RulePath {
  readonly path: string
  readonly peers: 'from' | 'to'
}

/** A list that is empty says the same as one that is missing; one whose entries are all unusable does not. */
function parseRule(
  peers: readonly PeerObject[] | undefined,
  ports: readonly PortObject[] | undefined,
  { path, peers: field }: RulePath,
  report: Report,
): PolicyRule {
  return {
    peers: parseAll(peers, `${path}.${field}`, report, parsePeer),
    ports: parseAll(ports, `${path}.ports`, report, parsePort),
  }
}

function parseAll<O, T>(
  objects: readonly O[] | undefined,
  path: string,
  report: Report,
  parse: (object: O, path: string, report: Report) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(objects) || objects.length === 0) return undefined
  const parsed = objects.map((object, i) => parse(object, `${path}[${i}]`, report))
  return exact(parsed.filter((item) => item !== undefined))
}

function parsePeer(peer: PeerObject, path: string, report: Report): Peer | undefined {
  const { ipBlock, namespaceSelector, podSelector } = peer ?? {}
  if (ipBlock) return parseBlock(ipBlock, `${path}.ipBlock`, report)
  if (!namespaceSelector && !podSelector) {
    report(path, `names nobody: ${shown(peer)}`)
    return undefined
  }
  const selector = (field: 'podSelector' | 'namespaceSelector') =>
    parseSelector(peer[field], (reason) => report(`${path}.${field}`, reason))
  return {
    kind: 'pods',
    namespaces: namespaceSelector ? selector('namespaceSelector') : undefined,
    pods: selector('podSelector'),
  }
}

/** Without an exception that cannot be read the block would allow too much: it allows nothing then. */
function parseBlock(
  { cidr: text, except }: NonNullable<PeerObject['ipBlock']>,
  path: string,
  report: Report,
): Peer | undefined {
  const read = (value: unknown, field: string): Cidr | undefined => {
    const parsed = typeof value === 'string' ? parseCidr(value.trim()) : undefined
    if (!parsed) report(`${path}.${field}`, `not a prefix: ${shown(value)}`)
    return parsed
  }
  const block = read(text, 'cidr')
  const exceptions = listOf(except).map((value, i) => read(value, `except[${i}]`))
  const known = exceptions.filter((exception) => exception !== undefined)
  if (!block || known.length < exceptions.length) return undefined
  return { kind: 'block', cidr: block, except: exact(known) }
}

function parsePort(object: PortObject, path: string, report: Report): PolicyPort | undefined {
  const protocol = protocolOf(object?.protocol ?? undefined)
  if (protocol === undefined) {
    report(`${path}.protocol`, `not a protocol: ${shown(object?.protocol)}`)
    return undefined
  }
  const { port, endPort } = object ?? {}
  if (port === undefined || port === null) return { kind: 'numbers', protocol, first: 1, last: LAST_PORT }
  if (typeof port === 'string' && endPort === undefined) return { kind: 'name', protocol, name: port }
  const first = portOf(port)
  const last = endPort === undefined ? first : portOf(endPort)
  if (first !== undefined && last !== undefined && first <= last)
    return { kind: 'numbers', protocol, first, last }
  report(path, `not a port: ${shown(object)}`)
  return undefined
}
