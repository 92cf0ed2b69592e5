/** What a schema finds wrong, as people read it: each with its path. */
import type * as z from 'zod'
import { pathText } from './path-text.ts'
import { unknownKey } from './unknown-keys.ts'

/** Of keys that the schema does not know each has its line. */
export function issueTexts(schema: z.ZodType, issue: z.core.$ZodIssue): string[] {
  if (issue.code !== 'unrecognized_keys') return [`${pathText(issue.path)}: ${issue.message}`]
  return issue.keys.map((key) => `${pathText([...issue.path, key])}: ${unknownKey(schema, issue.path, key)}`)
}
