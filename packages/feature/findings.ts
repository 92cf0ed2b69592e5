/** What a schema finds wrong with a value, in the words of the configuration: each with its path. */
import type * as z from 'zod'
import { unknownKey } from './unknown-keys.ts'

export interface Finding {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** Of keys that the schema does not know each is a finding of its own. */
export function findingsOf(schema: z.ZodType, { issues }: z.ZodError): Finding[] {
  return issues.flatMap((issue): Finding[] => {
    const { path, message } = issue
    if (issue.code !== 'unrecognized_keys') return [{ path, message }]
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(schema, path, key) }))
  })
}
