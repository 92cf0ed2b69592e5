/** The envelope of API objects: list pages and watch events, checked by hand because every object passes here. */
import { type ListPage, parseObjects } from '../api/json.ts'
import { ClusterError } from '../errors.ts'

export interface ObjectMeta {
  /** `namespace/name`, or `name` of an object without a namespace. */
  readonly key: string
  readonly resourceVersion: string
}

export interface Page {
  readonly resourceVersion: string
  /** Token of the next page; empty on the last. */
  readonly next: string
  /** Read as they are asked for; those without a name are left out. */
  readonly items: Iterable<{ readonly meta: ObjectMeta; readonly object: unknown }>
}

export type WatchEvent =
  | { readonly kind: 'changed'; readonly meta: ObjectMeta; readonly object: unknown }
  | { readonly kind: 'deleted'; readonly meta: ObjectMeta }
  | { readonly kind: 'bookmark'; readonly meta: ObjectMeta }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }

export type Fields = Readonly<Record<string, unknown>>

/** @throws ClusterError (api-decode) when it is no list. */
export function decodePage({ head, items }: ListPage): Page {
  const page = asFields(head)
  const meta = asFields(page?.metadata)
  if (!page || !meta || typeof meta.resourceVersion !== 'string' || !Array.isArray(page.items ?? [])) {
    throw new ClusterError('api-decode', 'the API server answered a list with something else')
  }
  return { resourceVersion: meta.resourceVersion, next: asText(meta.continue), items: decodeItems(items) }
}

function* decodeItems(items: Iterable<unknown>): Page['items'] {
  for (const object of items) {
    const meta = objectMeta(object)
    if (meta) yield { meta, object }
  }
}

/** @throws ClusterError (api-decode) when the line is no watch event. */
export function decodeEvent(line: string): WatchEvent {
  let event: Fields | undefined
  try {
    event = asFields(parseObjects(line))
  } catch (cause) {
    throw new ClusterError('api-decode', 'a watch event is not JSON', { cause })
  }
  if (event?.type === 'ERROR') {
    const status = asFields(event.object)
    return {
      kind: 'error',
      code: Number(status?.code ?? 0),
      message: asText(status?.message) || 'watch error',
    }
  }
  const meta = objectMeta(event?.object)
  if (!event || !meta) throw new ClusterError('api-decode', 'a watch event has no object')
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'changed', meta, object: event.object }
    case 'DELETED':
      return { kind: 'deleted', meta }
    case 'BOOKMARK':
      return { kind: 'bookmark', meta }
    default:
      throw new ClusterError('api-decode', `watch event of unknown type ${String(event.type)}`)
  }
}

function objectMeta(object: unknown): ObjectMeta | undefined {
  const meta = asFields(asFields(object)?.metadata)
  if (!meta || typeof meta.resourceVersion !== 'string') return undefined
  const name = asText(meta.name)
  return { key: meta.namespace ? `${meta.namespace}/${name}` : name, resourceVersion: meta.resourceVersion }
}

/** The value as an object with fields, or undefined. */
export function asFields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

/** The value if it is text, else ''. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The texts of an array; whatever else stands in it is left out. */
export function asTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
