/** `peers` of the configuration file: BGP routers outside the cluster. */
import { canonicalAddress, type Family, width } from '@podroute/address/address.ts'
import { cidr, containsAddress } from '@podroute/address/cidr.ts'
import { ipAddress, port, prefix } from '@podroute/feature/schema.ts'
import type { SectionInput } from '@podroute/feature/section.ts'
import * as z from 'zod'
import { acceptedPrefix } from '../bgp/external-policy.ts'
import type { AcceptRoutes, ExternalPeer } from '../settings.ts'
import { asn, holdTime } from './asn.ts'
import { bfd, bfdTimers } from './bfd.ts'
import { key, readKey } from './md5-key.ts'

/** fe80::/10: such an address means nothing without an interface, and a node's sessions run from its global address. */
const LINK_LOCAL = cidr('fe80::/10')
const routerAddress = ipAddress.refine((address) => !containsAddress(LINK_LOCAL, address), {
  message: 'a link-local address without an interface: give an address of the router that every node reaches',
})

const prefixLength = z.number().int().min(0).max(128).optional()
const acceptedPrefixes = z.union(
  [prefix, z.strictObject({ prefix, minLength: prefixLength, maxLength: prefixLength })],
  {
    message: 'not a prefix such as 10.0.0.0/8, nor {prefix: 10.0.0.0/8, minLength: 16, maxLength: 24}',
  },
)
/** Routes that a router announces: none, all but what no router is believed, or those of a list. */
const acceptRoutes = z.union([z.boolean(), z.array(acceptedPrefixes)], {
  message:
    'true, false, or a list of prefixes such as 10.0.0.0/8 and {prefix: 10.0.0.0/8, minLength: 16, maxLength: 24}',
})

export const peer = z.strictObject({
  /** Address of a BGP router outside the cluster. */
  address: routerAddress,
  asn,
  port: port.optional(),
  /** TCP-MD5 key (RFC 2385); better kept in a Secret that is mounted: passwordFile. */
  password: key.optional(),
  passwordFile: z.string().min(1).optional(),
  /** GTSM (RFC 5082): the router has to send with TTL 255, from at most so many hops away. */
  ttlSecurityHops: z.number().int().min(1).max(254).optional(),
  families: z
    .array(z.enum(['ipv4', 'ipv6']))
    .min(1)
    .optional(),
  holdTimeSeconds: holdTime.optional(),
  /** RFC 5880, 5881: the router has to have it, too. */
  bfd: bfd.default(false),
  acceptRoutes: acceptRoutes.default(false),
  /** In each family; more end the session, which is tried again after a minute. */
  maxPrefixes: z.number().int().min(1).max(1_000_000).default(1000),
})

export function externalPeer(entry: z.infer<typeof peer>, path: string, input: SectionInput): ExternalPeer {
  if (entry.password !== undefined && entry.passwordFile !== undefined)
    input.problem(path, 'password and passwordFile are both given')
  const { passwordFile } = entry
  const secret = passwordFile === undefined ? undefined : readKey(passwordFile, `${path}.passwordFile`, input)
  const password = entry.password ?? secret
  const watched = bfdTimers(entry.bfd)
  const families = entry.families?.map((family): Family => (family === 'ipv4' ? 4 : 6))
  return {
    address: canonicalAddress(entry.address) ?? entry.address,
    asn: entry.asn,
    ...(entry.port === undefined ? {} : { port: entry.port }),
    ...(password === undefined ? {} : { password }),
    ...(entry.ttlSecurityHops === undefined ? {} : { ttlSecurityHops: entry.ttlSecurityHops }),
    ...(families === undefined ? {} : { families }),
    ...(entry.holdTimeSeconds === undefined ? {} : { holdTime: entry.holdTimeSeconds }),
    ...(watched === undefined ? {} : { bfd: watched }),
    acceptRoutes: accepted(entry.acceptRoutes, `${path}.acceptRoutes`, input),
    maxPrefixes: entry.maxPrefixes,
  }
}

function accepted(raw: z.infer<typeof acceptRoutes>, path: string, input: SectionInput): AcceptRoutes {
  if (typeof raw === 'boolean') return raw
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

export function reportDuplicates(peers: readonly ExternalPeer[], input: SectionInput): void {
  for (const [i, { address }] of peers.entries()) {
    const first = peers.findIndex((other) => other.address === address)
    if (first !== i) input.problem(`peers[${i}].address`, `${address} is peers[${first}] already`)
  }
}
