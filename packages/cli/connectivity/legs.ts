/** Which hop of a path fails: the path is tried in parts, in the order of the way, and the first part that fails names it. Pure. */
import type { Path, Source } from './paths.ts'
import type { Probe } from './probe.ts'
import { POD_PORT, type Stand, type StandPod } from './stand.ts'

/** A part of a path. */
export interface Leg {
  /** What is between its ends. */
  readonly hop: string
  readonly from: Source
  readonly probe: Omit<Probe, 'id'>
}

/** In the order of the way. */
export function legsOf(path: Path, stand: Stand): readonly Leg[] {
  const { from, family } = path
  const legs = new Legs(path, stand)
  const others = new Set([...path.pods.map(({ node }) => node), ...(path.through ? [path.through] : [])])
  others.delete(from.node)
  const { pod } = from
  const far = path.pods.filter(({ node }) => node !== from.node)
  return [
    ...(pod ? legs.toNode(`${pod.name} to ${from.node}: its veth and the bridge`, from, from.node) : []),
    ...[...others].flatMap((node) =>
      legs.toNode(`${from.node} to ${node}: the network of the nodes`, { node: from.node }, node),
    ),
    ...path.pods.map((to) =>
      legs.toPod(`${to.node} to ${to.name}: the bridge and its veth`, { node: to.node }, to),
    ),
    ...far.map((to) => legs.forwarded(from.node, to)),
    ...(path.through && path.through !== from.node
      ? path.pods.filter(({ node }) => node !== path.through).map((to) => legs.forwarded(path.through!, to))
      : []),
    ...(pod
      ? [...others].flatMap((node) =>
          legs.toNode(`pods of ${from.node} to ${node}: forwarding on ${from.node}`, from, node),
        )
      : []),
    ...(pod?.addresses[family] === undefined
      ? []
      : far.map((to) =>
          legs.toPod(
            `${to.node} to pods of ${from.node}, the way back: the route on ${to.node}, or forwarding on ${from.node}`,
            { node: to.node },
            pod,
          ),
        )),
    ...(path.service && pod
      ? path.pods
          .filter((to) => to !== pod)
          .map((to) => legs.toPod(`${pod.name} to ${to.name}, without the Service`, from, to))
      : []),
    ...legs.small(),
  ]
}

/** What is left when all parts work. */
export function remainder({ probe, service, from, through, pods, decides }: Path): string {
  if (decides) return decides
  if (probe.kind === 'lookup') return 'the DNS of the cluster, which this way leads to'
  if (service) return `the Service: its virtual server on ${through ?? from.node}`
  if (pods.length === 0) return `beyond ${from.node}: masquerading there, or what is behind it`
  const bytes = probe.expect.kind === 'answer' ? (probe.expect.bytes ?? 0) : 0
  const nodes = nodesOf({ from, pods })
  if (bytes > 0) return `large packets alone: the MTU between ${nodes}`
  return `these ends alone: policies or firewalls on ${nodes} that know their addresses`
}

function nodesOf({ from, pods }: Pick<Path, 'from' | 'pods'>): string {
  return [...new Set([from.node, ...pods.map(({ node }) => node)])].join(' and ')
}

function udpAlone(path: Path): string {
  return `UDP alone: a firewall between ${nodesOf(path)}`
}

class Legs {
  readonly #path: Path
  readonly #stand: Stand

  constructor(path: Path, stand: Stand) {
    this.#path = path
    this.#stand = stand
  }

  toNode(hop: string, from: Source, node: string): readonly Leg[] {
    const { family } = this.#path
    const host = this.#stand.nodes.find(({ name }) => name === node)?.addresses[family]
    if (host === undefined) return []
    const probe = { kind: 'tcp', host, port: this.#stand.nodeServer, family, expect: REACHED } as const
    return [{ hop, from, probe }]
  }

  /** The same way of a datagram that is no larger than any packet. */
  small(): readonly Leg[] {
    const { probe, from } = this.#path
    if (probe.kind !== 'udp' || probe.expect.kind !== 'answer' || !probe.expect.bytes) return []
    const { bytes: _, ...expect } = probe.expect
    return [{ hop: udpAlone(this.#path), from, probe: { ...probe, expect } }]
  }

  forwarded(node: string, to: StandPod): Leg {
    const hop = `${node} to pods of ${to.node}: the route on ${node}, or forwarding on ${to.node}`
    return this.toPod(hop, { node }, to)
  }

  toPod(hop: string, from: Source, pod: StandPod): Leg {
    const { family } = this.#path
    const host = pod.addresses[family] ?? ''
    const expect = { kind: 'answer', names: [pod.name] } as const
    return { hop, from, probe: { kind: 'tcp', host, port: POD_PORT, family, expect } }
  }
}

const REACHED = { kind: 'reached' } as const
