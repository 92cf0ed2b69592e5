/**
 * What a Node says of itself by annotation: `rr.server` and `rr.client` with a cluster ID (RFC 4456), and `node.asn`, under our prefix or
 * kube-router's. Pure.
 */
import { findAnnotation } from '@podroute/cluster/objects/annotations.ts'
import type { Annotations } from '@podroute/cluster/objects/service.ts'

/** Which servers reflect for which clients: those of one cluster ID. A node with neither annotation has none. */
export type AnnotatedRole =
  | { readonly kind: 'none' }
  | { readonly kind: 'server'; readonly cluster: number }
  | { readonly kind: 'client'; readonly cluster: number }

export interface Annotated {
  readonly role: AnnotatedRole
  /** The node's own AS number; undefined: the cluster's. */
  readonly asn: number | undefined
}

/** What cannot be used, and what to write instead. */
export interface AnnotationProblem {
  readonly name: string
  readonly problem: string
}

export const NOT_ANNOTATED: Annotated = { role: { kind: 'none' }, asn: undefined }

/** @param before what is valid still where the annotation is not */
export function readAnnotated(
  annotations: Annotations,
  before: Annotated = NOT_ANNOTATED,
): { readonly annotated: Annotated; readonly problems: readonly AnnotationProblem[] } {
  const problems: AnnotationProblem[] = []
  const read = <T>(suffix: string, parse: (text: string) => T | undefined, problem: string) => {
    const found = findAnnotation(annotations, suffix)
    if (found === undefined) return undefined
    const value = parse(found.text)
    if (value !== undefined) return { value }
    problems.push({ name: found.name, problem: `${JSON.stringify(found.text)} is ${problem}` })
    return 'invalid'
  }
  const server = read('rr.server', parseClusterId, NO_CLUSTER_ID)
  const client = read('rr.client', parseClusterId, NO_CLUSTER_ID)
  const asn = read('node.asn', parseAsn, 'no AS number from 1 to 4294967294 that is not reserved')
  return {
    annotated: {
      role: server === 'invalid' || client === 'invalid' ? before.role : roleOf(server?.value, client?.value),
      asn: asn === 'invalid' ? before.asn : asn?.value,
    },
    problems,
  }
}

const NO_CLUSTER_ID = 'no cluster ID such as 42 or 0.0.0.42'

/** Of a node with both, kube-router makes a server. */
function roleOf(server: number | undefined, client: number | undefined): AnnotatedRole {
  if (server !== undefined) return { kind: 'server', cluster: server }
  return client === undefined ? { kind: 'none' } : { kind: 'client', cluster: client }
}

/** A number of 32 bits or the same in dotted form; 0 is none (RFC 4456 section 7). */
export function parseClusterId(text: string): number | undefined {
  const parts = text.split('.')
  const numbers = parts.map((part) => (/^(0|[1-9]\d{0,9})$/.test(part) ? Number(part) : Number.NaN))
  if (parts.length === 1) return within(numbers[0]!, 1, 0xffffffff)
  if (parts.length !== 4 || numbers.some((number) => within(number, 0, 255) === undefined)) return undefined
  return within(
    numbers.reduce((id, byte) => id * 256 + byte, 0),
    1,
    0xffffffff,
  )
}

/** Reserved are 23456 (RFC 6793), 65535 (RFC 7300), and 0 and 4294967295 (RFC 7607, 7300). */
export function parseAsn(text: string): number | undefined {
  if (!/^[1-9]\d{0,9}$/.test(text)) return undefined
  const asn = within(Number(text), 1, 4294967294)
  return asn === 23456 || asn === 65535 ? undefined : asn
}

function within(number: number, least: number, most: number): number | undefined {
  return number >= least && number <= most ? number : undefined
}
