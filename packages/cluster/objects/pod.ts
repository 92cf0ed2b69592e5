/** A Pod of the cluster, as far as policies speak of it: what is kept of the object, and what is made of it. */
import { addressOf, exact, portOf, protocolOf } from './fields.ts'
import type { Labels } from './label-selector.ts'
import type { Protocol } from './service.ts'

/** What is kept of a Pod. */
export interface PodObject {
  readonly uid: string
  /** Of a static pod, that stands for one in a file: the UID that the kubelet and the runtime know it by. */
  readonly staticUid?: string
  readonly labels: Labels
  /** spec.nodeName; empty: not scheduled yet. */
  readonly node: string
  /** status.podIPs */
  readonly addresses: readonly string[]
  /** Ports of containers that have a name, those of sidecars among them. Absent: none. */
  readonly ports?: readonly { readonly name: string; readonly protocol?: unknown; readonly port: unknown }[]
  readonly hostNetwork?: boolean
  /** It has run to its end, well or badly, and has no address any more, whatever its status says. */
  readonly ended?: boolean
  /** It is being deleted, and runs until it is gone. */
  readonly leaving?: boolean
  /** Milliseconds since 1970. Absent: not known. */
  readonly created?: number
}

export interface NamedPort {
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
}

/** A Pod that has, or is about to have, addresses of its own. */
export interface Pod {
  readonly key: string
  readonly namespace: string
  readonly uid: string
  readonly staticUid?: string
  readonly labels: Labels
  readonly node: string
  /** Canonical, each once; none: its node has not given it any, or not said so yet. */
  readonly addresses: readonly string[]
  readonly ports: readonly NamedPort[]
  readonly leaving: boolean
  readonly created: number
}

/** Undefined for one that has no node yet, or its node's address, or had one until it ended. @param key `namespace/name` */
export function parsePod(object: PodObject, key: string): Pod | undefined {
  if (object.hostNetwork || object.ended) return undefined
  const addresses = object.addresses.map(addressOf).filter((address) => address !== undefined)
  const { uid, staticUid, labels, node, leaving = false, created = 0 } = object
  if (node === '' && addresses.length === 0) return undefined
  return {
    ...(staticUid === undefined ? {} : { staticUid }),
    ...{ key, uid, labels, node, leaving, created },
    namespace: key.slice(0, key.indexOf('/')),
    addresses: exact([...new Set(addresses)]),
    ports: exact((object.ports ?? []).flatMap(namedPort)),
  }
}

function namedPort({ name, protocol, port }: NonNullable<PodObject['ports']>[number]): NamedPort[] {
  const transport = protocolOf(protocol)
  const number = portOf(port)
  return transport === undefined || number === undefined ? [] : [{ name, protocol: transport, port: number }]
}
