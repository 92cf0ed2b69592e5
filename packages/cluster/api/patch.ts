/** Changes of an object of the API, in the ways that the API knows. Pure. */
import type { Query } from './query.ts'

export type Patch =
  /** RFC 7396: fields replace fields, null removes one. */
  | { readonly kind: 'merge'; readonly body: Fields }
  /** RFC 6902: operations, one after the other. */
  | { readonly kind: 'json'; readonly operations: readonly JsonOperation[] }
  /** Server-side apply (KEP-555): the fields that `manager` wants; those that it no longer names go. */
  | { readonly kind: 'apply'; readonly body: Fields; readonly manager: string; readonly force?: boolean }

export type JsonOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

type Fields = Readonly<Record<string, unknown>>

const CONTENT_TYPES: Readonly<Record<Patch['kind'], string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  // JSON is YAML.
  apply: 'application/apply-patch+yaml',
}

export function contentTypeOf(patch: Patch): string {
  return CONTENT_TYPES[patch.kind]
}

export function patchBody(patch: Patch): unknown {
  return patch.kind === 'json' ? patch.operations : patch.body
}

export function patchQuery(patch: Patch): Query {
  if (patch.kind !== 'apply') return {}
  return { fieldManager: patch.manager, ...(patch.force ? { force: 'true' } : {}) }
}

/** The same patch for an object of this version alone: of any other the API answers with a conflict. */
export function onlyVersion(patch: Patch, resourceVersion: string): Patch {
  if (patch.kind === 'json') {
    // The API compares the version that a change leaves; an operation `test` that fails would be "invalid", like a mistake of ours.
    const version: JsonOperation = {
      op: 'replace',
      path: '/metadata/resourceVersion',
      value: resourceVersion,
    }
    return { ...patch, operations: [version, ...patch.operations] }
  }
  const metadata = { ...(patch.body.metadata as Fields | undefined), resourceVersion }
  return { ...patch, body: { ...patch.body, metadata } }
}
