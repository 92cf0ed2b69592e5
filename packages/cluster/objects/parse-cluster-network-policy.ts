/**
 * A ClusterNetworkPolicy of the API, checked. As its text says, what is not known fails closed: a rule that accepts matches nothing then,
 * and one that denies or passes denies all.
 */
import { parseCidr } from '@podroute/address/cidr.ts'
import type {
  Accepted,
  Action,
  ClusterNetworkPolicy,
  ClusterNetworkPolicyObject,
  ClusterPeer,
  ClusterPeerObject,
  ClusterRule,
  ConditionObject,
  ProtocolObject,
  RuleObject,
} from './cluster-network-policy.ts'
import { entryOf, exact, listOf, portOf, shown, textOf } from './fields.ts'
import { type LabelSelector, type LabelSelectorObject, parseSelector } from './label-selector.ts'
import type { PolicyPort } from './network-policy.ts'
import type { FieldProblem } from './problem.ts'
import type { Protocol } from './service.ts'

type Report = (path: string, reason: string) => void

const ACTIONS: Readonly<Record<string, Action>> = { Accept: 'accept', Deny: 'deny', Pass: 'pass' }
const TRANSPORTS: readonly Protocol[] = ['tcp', 'udp', 'sctp']
const LAST_PORT = 65_535
const LEAST_PRIORITY = 1000
const NOBODY: LabelSelector = [{ kind: 'unknown' }]
const DENY_ALL: ClusterRule = { action: 'deny', peers: undefined, ports: undefined }

/** Never throws. @param name its key */
export function parseClusterNetworkPolicy(
  object: ClusterNetworkPolicyObject,
  name: string,
): ClusterNetworkPolicy {
  const problems: FieldProblem[] = []
  const report: Report = (path, reason) => problems.push({ path, reason })
  const spec = object.spec ?? {}
  const { priority, tier } = spec
  if (tier !== 'Admin' && tier !== 'Baseline') report('spec.tier', `not a tier: ${shown(tier)}`)
  const rules = (field: 'ingress' | 'egress') =>
    listOf<RuleObject & { readonly from?: Peers; readonly to?: Peers }>(spec[field]).map((rule, i) => {
      const peers = field === 'ingress' ? 'from' : 'to'
      return parseRule(
        rule ?? {},
        listOf<ClusterPeerObject>(rule?.[peers]),
        { path: `spec.${field}[${i}]`, peers },
        report,
      )
    })
  return {
    name,
    uid: textOf(object.metadata?.uid),
    tier: tier === 'Baseline' ? 'baseline' : 'admin',
    priority: Number.isInteger(priority) ? (priority as number) : LEAST_PRIORITY,
    subject: parseSubject(spec.subject, report),
    ...{ ingress: exact(rules('ingress')), egress: exact(rules('egress')) },
    problems: exact(problems),
    ...parseAccepted(object),
  }
}

/** Nothing where the object says nothing. */
function parseAccepted({
  metadata,
  status,
}: ClusterNetworkPolicyObject): Pick<ClusterNetworkPolicy, 'generation' | 'accepted'> {
  const generation = metadata?.generation
  const found = listOf<ConditionObject>(status?.conditions).find((one) => one?.type === 'Accepted')
  const accepted: Accepted | undefined = found && {
    ...{ status: textOf(found.status), reason: textOf(found.reason), message: textOf(found.message) },
    generation: found.observedGeneration,
    ...(found.lastTransitionTime ? { since: textOf(found.lastTransitionTime) } : {}),
  }
  return {
    ...(Number.isInteger(generation) ? { generation: generation as number } : {}),
    ...(accepted ? { accepted } : {}),
  }
}

/** Of an object that names none nothing is known: it applies to no pod. */
function parseSubject(
  subject: NonNullable<ClusterNetworkPolicyObject['spec']>['subject'],
  report: Report,
): ClusterNetworkPolicy['subject'] {
  const { namespaces, pods } = subject ?? {}
  const read = (selector: LabelSelectorObject | undefined, path: string) =>
    parseSelector(selector, (reason) => report(`spec.subject.${path}`, reason)).filter(
      ({ kind }) => kind !== 'unknown',
    )
  if (namespaces) return { namespaces: read(namespaces, 'namespaces'), pods: [] }
  if (pods)
    return {
      namespaces: read(pods.namespaceSelector, 'pods.namespaceSelector'),
      pods: read(pods.podSelector, 'pods.podSelector'),
    }
  report('spec.subject', `names nobody: ${shown(subject)}`)
  return { namespaces: NOBODY, pods: NOBODY }
}

type Peers = readonly ClusterPeerObject[]

interface RulePath {
  readonly path: string
  readonly peers: 'from' | 'to'
}

function parseRule(
  rule: RuleObject,
  peers: readonly ClusterPeerObject[],
  { path, peers: field }: RulePath,
  report: Report,
): ClusterRule {
  const action = entryOf(ACTIONS, rule.action)
  if (!action) report(`${path}.action`, `not an action: ${shown(rule.action)}`)
  const known = peers.map((peer, i) => parsePeer(peer ?? {}, `${path}.${field}[${i}]`, report))
  const protocols = listOf<ProtocolObject>(rule.protocols)
  const ports = protocols.map((one, i) => parseProtocol(one ?? {}, `${path}.protocols[${i}]`, report))
  if (peers.length === 0) report(`${path}.${field}`, 'names nobody')
  const isClear =
    action !== undefined &&
    peers.length > 0 &&
    known.every((peer) => peer !== undefined) &&
    ports.every((port) => port !== undefined)
  if (!isClear && action !== 'accept') return DENY_ALL
  const named = protocols.length === 0 ? undefined : exact(ports.flatMap((port) => port ?? []))
  // What is not known of a rule that accepts leaves the rest as it is: domain names beside networks.
  return { action: action ?? 'deny', peers: exact(known.flatMap((peer) => peer ?? [])), ports: named }
}

/** Undefined: not known. */
function parsePeer(
  peer: ClusterPeerObject,
  path: string,
  report: Report,
): readonly ClusterPeer[] | undefined {
  const { namespaces, pods, nodes, networks, domainNames } = peer
  let isKnown = true
  const read = (selector: LabelSelectorObject | undefined, field: string) =>
    parseSelector(selector, (reason) => {
      isKnown = false
      report(`${path}.${field}`, reason)
    })
  const found: ClusterPeer[] = []
  if (namespaces) found.push({ kind: 'pods', namespaces: read(namespaces, 'namespaces'), pods: [] })
  else if (pods)
    found.push({
      kind: 'pods',
      namespaces: read(pods.namespaceSelector, 'pods.namespaceSelector'),
      pods: read(pods.podSelector, 'pods.podSelector'),
    })
  else if (nodes) found.push({ kind: 'nodes', nodes: read(nodes, 'nodes') })
  else if (networks)
    for (const text of listOf(networks)) {
      const cidr = typeof text === 'string' ? parseCidr(text.trim()) : undefined
      if (cidr) found.push({ kind: 'block', cidr, except: [] })
      else {
        isKnown = false
        report(`${path}.networks`, `not a prefix: ${shown(text)}`)
      }
    }
  else {
    report(path, domainNames ? 'domain names are not supported' : `names nobody: ${shown(peer)}`)
    return undefined
  }
  return isKnown ? found : undefined
}

/** A name is that of a port of any protocol. Undefined: not known. */
function parseProtocol(
  object: ProtocolObject,
  path: string,
  report: Report,
): readonly PolicyPort[] | undefined {
  const { destinationNamedPort: name } = object
  if (typeof name === 'string' && name !== '')
    return TRANSPORTS.map((protocol) => ({ kind: 'name', protocol, name }))
  const protocol = TRANSPORTS.find((transport) => object[transport] !== undefined)
  const port = protocol && object[protocol]?.destinationPort
  if (protocol && !port) return [{ kind: 'numbers', protocol, first: 1, last: LAST_PORT }]
  const [first, last] = [portOf(port?.range?.start ?? port?.number), portOf(port?.range?.end ?? port?.number)]
  if (protocol && first !== undefined && last !== undefined && first <= last)
    return [{ kind: 'numbers', protocol, first, last }]
  report(path, `not a port: ${shown(object)}`)
  return undefined
}
