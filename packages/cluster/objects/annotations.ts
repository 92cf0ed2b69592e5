/** Annotations of Services that say how they are served: ours, and kube-router's names for those who come from there. */
import type { Annotations } from './service.ts'

/** Ours wins where both are set. */
const PREFIXES = ['podroute.io/', 'kube-router.io/']

const NO_ANNOTATIONS: Annotations = {}

/** Those that may mean something to us: of tools' annotations, whole manifests among them, nothing is kept. */
export function ownAnnotations(annotations: unknown): Annotations {
  if (typeof annotations !== 'object' || annotations === null) return NO_ANNOTATIONS
  const own = Object.entries(annotations).filter(
    ([name, text]) => typeof text === 'string' && PREFIXES.some((prefix) => name.startsWith(prefix)),
  )
  return own.length === 0 ? NO_ANNOTATIONS : Object.fromEntries(own)
}

/** @param suffix `service.scheduler` */
export function findAnnotation(
  annotations: Annotations,
  suffix: string,
): { readonly name: string; readonly text: string } | undefined {
  for (const prefix of PREFIXES) {
    const text = annotations[prefix + suffix]
    if (text !== undefined) return { name: prefix + suffix, text: text.trim() }
  }
  return undefined
}

/** kube-router's `service.local`: both traffic policies are Local, whatever the spec says. */
export function isLocalByAnnotation(annotations: Annotations): boolean {
  return findAnnotation(annotations, 'service.local')?.text === 'true'
}
