/** What to say of a key that the schema does not know: the nearest valid name there, or where a key of that name belongs. */
import * as z from 'zod'
import { nearestName } from './nearest-name.ts'
import { pathText } from './path-text.ts'

export function unknownKey(schema: z.ZodType, path: readonly PropertyKey[], key: string): string {
  const here = keysOf(at(schema, path))
  const near = nearestName(key, here)
  if (near !== undefined) return `unknown key, did you mean "${near}"?`
  const elsewhere = findKey(schema, key)
  if (elsewhere !== undefined) return `unknown key, it belongs at "${elsewhere}"`
  return here.length > 0 ? `unknown key, the keys here are ${here.join(', ')}` : 'unknown key'
}

function at(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  let now: z.ZodType | undefined = schema
  for (const step of path) {
    const plain = unwrap(now)
    if (plain instanceof z.ZodArray) now = plain.element as z.ZodType
    else if (plain instanceof z.ZodObject) now = plain.shape[String(step)] as z.ZodType | undefined
    else return undefined
  }
  return now
}

function keysOf(schema: z.ZodType | undefined): string[] {
  const plain = unwrap(schema)
  return plain instanceof z.ZodObject ? Object.keys(plain.shape) : []
}

/** The path of the first key of this name, outer ones first. */
function findKey(schema: z.ZodType, name: string): string | undefined {
  const level: { readonly path: readonly string[]; readonly schema: z.ZodType }[] = [{ path: [], schema }]
  for (const { path, schema: inner } of level) {
    const plain = unwrap(inner)
    if (!(plain instanceof z.ZodObject)) continue
    for (const [key, value] of Object.entries(plain.shape)) {
      if (key === name) return pathText([...path, key])
      level.push({ path: [...path, key], schema: value as z.ZodType })
    }
  }
  return undefined
}

function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  let now = schema
  while (now instanceof z.ZodDefault || now instanceof z.ZodPrefault || now instanceof z.ZodOptional)
    now = now.unwrap() as z.ZodType
  return now
}
