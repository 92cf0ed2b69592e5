/** What cannot be used of Services and slices, as problems of the proxy. */

import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { Service } from '@podroute/cluster/objects/service.ts'
import type { Problem } from '../types.ts'
import { parseTuning } from './annotations.ts'

export function serviceProblems(service: Service | undefined): readonly Problem[] {
  if (!service) return NO_PROBLEMS
  const paths = service.problems.map(({ path }) => path)
  parseTuning(service.annotations, (path) => paths.push(path))
  return invalidFields('Service', service, paths)
}

export function sliceProblems(slice: Slice | undefined): readonly Problem[] {
  if (!slice) return NO_PROBLEMS
  return invalidFields(
    'EndpointSlice',
    slice,
    slice.problems.map(({ path }) => path),
  )
}

const NO_PROBLEMS: readonly Problem[] = []

function invalidFields(
  kind: Problem['kind'],
  { key, uid }: { readonly key: string; readonly uid: string },
  paths: readonly string[],
): readonly Problem[] {
  if (paths.length === 0) return NO_PROBLEMS
  return paths.map((detail) => ({ code: 'INVALID_FIELD', kind, ...(uid && { uid }), object: key, detail }))
}
