/** Which routes an entry of a peer's lists is about: prefixes, communities, AS paths. */
import { width } from '@podroute/address/address.ts'
import { cidr } from '@podroute/address/cidr.ts'
import { prefix } from '@podroute/feature/schema.ts'
import type { SectionInput } from '@podroute/feature/section.ts'
import { isCommunity } from 'bgp-speaker-ts/packet/communities.ts'
import * as z from 'zod'
import { acceptedPrefix } from '../bgp/external-policy.ts'
import type { AcceptEntry, AcceptedPrefix, RouteMatch } from '../routers/router-settings.ts'
import { asn } from './asn.ts'

const prefixLength = z.number().int().min(0).max(128).optional()
export const prefixRange = z.union(
  [
    prefix,
    z.strictObject({
      prefix: prefix.describe('The prefix that others are of.'),
      minLength: prefixLength.describe('Least bits. Absent: those of the prefix.'),
      maxLength: prefixLength.describe(
        'Most bits. Absent: those of the prefix, or all where minLength is given.',
      ),
    }),
  ],
  {
    message: 'not a prefix such as 10.0.0.0/8, nor {prefix: 10.0.0.0/8, minLength: 16, maxLength: 24}',
  },
)

/** Standard (RFC 1997), large (RFC 8092) and extended (RFC 4360) ones, by number or by name. */
export const community = z
  .string()
  .refine(isCommunity, {
    message: 'not a community such as 64512:1, no-export, 64512:1:2 or rt:64512:1',
  })
  .meta({ title: 'community' })

export const u32 = z.number().int().min(0).max(4294967295)

const asPath = z.strictObject({
  contains: asn.optional().describe('AS number that the path contains.'),
  origin: asn.optional().describe('AS number that the path begins in: the last one.'),
  neighbour: asn.optional().describe('AS number of the neighbour: the first one.'),
  maxLength: z.number().int().min(0).max(255).optional().describe('Most AS numbers of the path.'),
})

const matchShape = {
  prefixes: z
    .array(prefixRange)
    .min(1)
    .optional()
    .describe('The route’s prefix is one of these. A prefix without lengths is that prefix alone.'),
  communities: z.array(community).min(1).optional().describe('The route has one of these communities.'),
  asPath: asPath.optional().describe('Conditions that its AS path meets.'),
}

export const rejectEntry = z
  .strictObject(matchShape)
  .refine((entry) => Object.keys(entry).length > 0, { message: 'rejects everything: say what of it' })
export const acceptEntry = z.strictObject({
  ...matchShape,
  localPreference: u32
    .optional()
    .describe('Local preference of routes that this entry takes. Absent: the router’s.'),
})

export function readAccept(
  entry: z.infer<typeof acceptEntry>,
  path: string,
  input: SectionInput,
): AcceptEntry {
  const { localPreference } = entry
  return { ...readMatch(entry, path, input), ...(localPreference === undefined ? {} : { localPreference }) }
}

export function readMatch(
  { prefixes, communities, asPath: conditions }: z.infer<typeof rejectEntry>,
  path: string,
  input: SectionInput,
): RouteMatch {
  return {
    ...(prefixes ? { prefixes: readPrefixes(prefixes, `${path}.prefixes`, input) } : {}),
    ...(communities ? { communities } : {}),
    ...(conditions ? { asPath: withoutUndefined(conditions) } : {}),
  }
}

export function readPrefixes(
  raw: readonly z.infer<typeof prefixRange>[],
  path: string,
  input: SectionInput,
): AcceptedPrefix[] {
  return raw.map((entry, i) => {
    const { prefix: text, ...lengths } = typeof entry === 'string' ? { prefix: entry } : entry
    const found = acceptedPrefix(cidr(text), lengths)
    const { minLength, maxLength } = found
    const { length, family } = found.prefix
    if (minLength < length || maxLength < minLength || maxLength > width(family))
      input.problem(`${path}[${i}]`, `no prefix in ${text} is ${minLength} to ${maxLength} bits long`)
    return found
  })
}

/** What is not given is not there. */
export function withoutUndefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
