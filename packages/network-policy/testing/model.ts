/**
 * Who may talk to whom, straight from the text of the API (`kubectl explain networkpolicy.spec --recursive`), for objects as the API has
 * them. It shares nothing with what it judges, and asks every policy anew for every packet.
 */

export interface ModelPod {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly addresses: readonly string[]
  readonly node: string
  readonly ports: readonly {
    readonly name: string
    readonly protocol: string
    readonly containerPort: number
  }[]
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}

interface ModelPeer {
  readonly podSelector?: Selector
  readonly namespaceSelector?: Selector
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}

interface ModelPort {
  readonly protocol?: string
  readonly port?: number | string
  readonly endPort?: number
}

export interface ModelPolicy {
  readonly namespace: string
  readonly name: string
  readonly spec: {
    readonly podSelector: Selector
    readonly policyTypes?: readonly string[]
    readonly ingress?: readonly {
      readonly from?: readonly ModelPeer[]
      readonly ports?: readonly ModelPort[]
    }[]
    readonly egress?: readonly { readonly to?: readonly ModelPeer[]; readonly ports?: readonly ModelPort[] }[]
  }
}

interface ModelClusterPeer {
  readonly namespaces?: Selector
  readonly pods?: { readonly namespaceSelector?: Selector; readonly podSelector?: Selector }
  readonly networks?: readonly string[]
}

interface ModelTransport {
  readonly destinationPort?: {
    readonly number?: number
    readonly range?: { readonly start: number; readonly end: number }
  }
}

interface ModelClusterRule {
  readonly action: 'Accept' | 'Deny' | 'Pass'
  readonly from?: readonly ModelClusterPeer[]
  readonly to?: readonly ModelClusterPeer[]
  readonly protocols?: readonly {
    readonly tcp?: ModelTransport
    readonly udp?: ModelTransport
    readonly sctp?: ModelTransport
    readonly destinationNamedPort?: string
  }[]
}

export interface ModelClusterPolicy {
  readonly name: string
  readonly spec: {
    readonly tier: 'Admin' | 'Baseline'
    readonly priority: number
    readonly subject: {
      readonly namespaces?: Selector
      readonly pods?: { readonly namespaceSelector?: Selector; readonly podSelector?: Selector }
    }
    readonly ingress?: readonly ModelClusterRule[]
    readonly egress?: readonly ModelClusterRule[]
  }
}

export interface ModelCluster {
  /** Their priorities differ: what the API says of equal ones is that anything may happen. */
  readonly clusterPolicies?: readonly ModelClusterPolicy[]
  readonly pods: readonly ModelPod[]
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly policies: readonly ModelPolicy[]
}

/** One end of a connection: a pod with the address that it uses, or an address outside. */
export interface End {
  readonly pod?: ModelPod
  readonly address: string
}

export interface ModelPacket {
  readonly from: End
  readonly to: End
  readonly protocol: string
  readonly port: number
}

/** @param node that the packet is judged on: it knows of egress of its own pods, and of ingress to them */
export function mayTalk(cluster: ModelCluster, packet: ModelPacket, node: string): boolean {
  const { from, to } = packet
  return (
    (from.pod?.node !== node || isLet(cluster, packet, from.pod, 'Egress')) &&
    (to.pod?.node !== node || isLet(cluster, packet, to.pod, 'Ingress'))
  )
}

/** Admin decides, or NetworkPolicies where any isolates the pod, or Baseline; else all is allowed. */
function isLet(
  cluster: ModelCluster,
  packet: ModelPacket,
  pod: ModelPod,
  type: 'Ingress' | 'Egress',
): boolean {
  return (
    tierVerdict(cluster, packet, pod, type, 'Admin') ??
    ownVerdict(cluster, packet, pod, type) ??
    tierVerdict(cluster, packet, pod, type, 'Baseline') ??
    true
  )
}

/** Undefined: evaluation goes on with the next tier. */
function tierVerdict(
  cluster: ModelCluster,
  packet: ModelPacket,
  pod: ModelPod,
  type: 'Ingress' | 'Egress',
  tier: 'Admin' | 'Baseline',
): boolean | undefined {
  const other = type === 'Ingress' ? packet.from : packet.to
  const policies = (cluster.clusterPolicies ?? [])
    .filter(({ spec }) => spec.tier === tier && isOfCluster(cluster, spec.subject, pod))
    .toSorted((a, b) => a.spec.priority - b.spec.priority)
  for (const { spec } of policies)
    for (const { action, from, to, protocols } of (type === 'Ingress' ? spec.ingress : spec.egress) ?? []) {
      const peers = (type === 'Ingress' ? from : to) ?? []
      const named = peers.some((peer) =>
        peer.networks
          ? peer.networks.some((cidr) => isIn(other.address, cidr))
          : other.pod !== undefined && isOfCluster(cluster, peer, other.pod),
      )
      if (!named || (protocols && !protocols.some((protocol) => isClusterPort(protocol, packet)))) continue
      return action === 'Pass' ? undefined : action === 'Accept'
    }
  return undefined
}

function isOfCluster(cluster: ModelCluster, { namespaces, pods }: ModelClusterPeer, pod: ModelPod): boolean {
  const labels = cluster.namespaces[pod.namespace] ?? {}
  if (namespaces) return selects(namespaces, labels)
  return selects(pods?.namespaceSelector ?? {}, labels) && selects(pods?.podSelector ?? {}, pod.labels)
}

function isClusterPort(
  { destinationNamedPort, ...transports }: NonNullable<ModelClusterRule['protocols']>[number],
  { protocol, port, to }: ModelPacket,
): boolean {
  if (destinationNamedPort !== undefined)
    return (to.pod?.ports ?? []).some(
      (own) => own.name === destinationNamedPort && own.protocol === protocol && own.containerPort === port,
    )
  const transport = transports[protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp']
  if (!transport) return false
  const { number, range } = transport.destinationPort ?? {}
  if (range) return port >= range.start && port <= range.end
  return number === undefined || number === port
}

function ownVerdict(
  cluster: ModelCluster,
  packet: ModelPacket,
  pod: ModelPod,
  type: 'Ingress' | 'Egress',
): boolean | undefined {
  const isolating = cluster.policies.filter(
    (policy) =>
      policy.namespace === pod.namespace &&
      selects(policy.spec.podSelector, pod.labels) &&
      typesOf(policy).includes(type),
  )
  if (isolating.length === 0) return undefined
  // A pod cannot block itself.
  if (packet.from.pod === packet.to.pod && packet.from.address === packet.to.address) return true
  const other = type === 'Ingress' ? packet.from : packet.to
  return isolating.some(({ spec, namespace }) => {
    const rules =
      type === 'Ingress'
        ? (spec.ingress ?? []).map((rule) => ({ peers: rule.from, ports: rule.ports }))
        : (spec.egress ?? []).map((rule) => ({ peers: rule.to, ports: rule.ports }))
    return rules.some(
      ({ peers, ports }) =>
        (!peers?.length || peers.some((peer) => isPeer(cluster, peer, other, namespace))) &&
        (!ports?.length || ports.some((port) => isPort(port, packet))),
    )
  })
}

function typesOf({ spec }: ModelPolicy): readonly string[] {
  if (spec.policyTypes?.length) return spec.policyTypes
  return spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']
}

function isPeer(cluster: ModelCluster, peer: ModelPeer, { pod, address }: End, namespace: string): boolean {
  if (peer.ipBlock) {
    const { cidr, except = [] } = peer.ipBlock
    return isIn(address, cidr) && !except.some((hole) => isIn(address, hole))
  }
  if (!pod) return false
  const namespaceFits = peer.namespaceSelector
    ? selects(peer.namespaceSelector, cluster.namespaces[pod.namespace] ?? {})
    : pod.namespace === namespace
  return namespaceFits && (!peer.podSelector || selects(peer.podSelector, pod.labels))
}

function isPort({ protocol = 'TCP', port, endPort }: ModelPort, packet: ModelPacket): boolean {
  if (protocol !== packet.protocol) return false
  if (port === undefined) return true
  if (typeof port === 'number') return packet.port >= port && packet.port <= (endPort ?? port)
  return (packet.to.pod?.ports ?? []).some(
    (own) => own.name === port && own.protocol === protocol && own.containerPort === packet.port,
  )
}

function selects(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(selector.matchLabels ?? {})
  if (wanted.some(([key, value]) => labels[key] !== value)) return false
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key in labels
    if (operator === 'DoesNotExist') return !(key in labels)
    const isOne = key in labels && values.includes(labels[key]!)
    return operator === 'In' ? isOne : !isOne
  })
}

function isIn(address: string, cidr: string): boolean {
  const [network = '', length = ''] = cidr.split('/')
  if (network.includes(':') !== address.includes(':')) return false
  const end = Number(length)
  return bitsOf(address).slice(0, end) === bitsOf(network).slice(0, end)
}

const known = new Map<string, string>()

/** `0000101011110100…` */
function bitsOf(text: string): string {
  const bits =
    known.get(text) ??
    groupsOf(text)
      .map((group) => group.toString(2).padStart(text.includes(':') ? 16 : 8, '0'))
      .join('')
  known.set(text, bits)
  return bits
}

function groupsOf(address: string): number[] {
  if (!address.includes(':')) return address.split('.').map(Number)
  const [head = '', tail] = address.split('::')
  const parse = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  if (tail === undefined) return parse(head)
  const [front, back] = [parse(head), parse(tail)]
  return [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back]
}
