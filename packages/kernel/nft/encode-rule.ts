/** Rules of policies from nft syntax, as we write them, to the kernel's expressions. Pure. */
import { readAddress } from '@podroute/address/address.ts'
import { type Expression, FIRST_REGISTER, registerAt } from '@podroute/linux/nft/expressions.ts'
import { TYPE_NUMBERS } from './fields.ts'
import { type Field, readSpan, setOf } from './spans.ts'

type Ip = 'ip' | 'ip6'
type Protocol = 'tcp' | 'udp' | 'sctp'

/** What a rule says one after the other; each takes its words with the space behind them. */
const MATCHES: readonly (readonly [RegExp, (words: readonly (string | undefined)[]) => Match | undefined])[] =
  [
    [/(ip6?) saddr \. \1 daddr @(\S+) /y, ([, ip, set]) => addressPair(ip as Ip, set!)],
    [/(ip6?) daddr \. meta l4proto \. th dport @(\S+) /y, ([, ip, set]) => namedPort(ip as Ip, set!)],
    [
      /(ip6?) ([sd]addr) (?:@(\S+)|\{ ([^}]*) \}|([^ .]\S*)) /y,
      ([, ip, side, set, list, one]) => {
        const field = addressField(ip as Ip, side as 'saddr' | 'daddr')
        return {
          needs: ip as Ip,
          does: set ? [load(field), { kind: 'lookup', set }] : compare(field, list, one),
        }
      },
    ],
    [
      /(tcp|udp|sctp) dport (?:\{ ([^}]*) \}|(\S+)) /y,
      ([, protocol, list, one]) => ({ needs: protocol as Protocol, does: compare(PORT, list, one) }),
    ],
    [
      /meta l4proto (6|17|132) /y,
      ([, number]) => ({ does: [META_PROTOCOL, equal(Uint8Array.of(Number(number)))] }),
    ],
  ]
const VERDICT = /(?:(accept|drop|return)|(goto|jump) (\S+))$/y

interface Match {
  /** What the packet must be, too. */
  readonly needs?: Ip | Protocol
  readonly does: readonly Expression[] | undefined
}

const PROTOCOLS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 }
/** NFPROTO_IPV4, NFPROTO_IPV6. */
const FAMILIES: Readonly<Record<Ip, number>> = { ip: 2, ip6: 10 }
const ADDRESS_LENGTHS: Readonly<Record<Ip, number>> = { ip: 4, ip6: 16 }
const ADDRESS_OFFSETS = { ip: { saddr: 12, daddr: 16 }, ip6: { saddr: 8, daddr: 24 } } as const
const PORT: Field = {
  ...{ type: TYPE_NUMBERS.inet_service!, header: 'transport', offset: 2, length: 2 },
  read: (text) => {
    const number = /^\d{1,5}$/.test(text) ? Number(text) : 65_536
    return number > 65_535 ? undefined : Uint8Array.of(number >> 8, number & 255)
  },
}
const META_PROTOCOL: Expression = { kind: 'meta', key: 'l4proto', register: FIRST_REGISTER }
const META_FAMILY: Expression = { kind: 'meta', key: 'nfproto', register: FIRST_REGISTER }

/** Undefined for what is left to nft. */
export function encodeRule(rule: string): readonly Expression[] | undefined {
  const expressions: Expression[] = []
  const needed = new Set<Ip | Protocol>()
  let at = 0
  for (let found = nextMatch(rule, at); found; found = nextMatch(rule, at)) {
    const { needs, does } = found.match
    if (!does) return undefined
    if (needs && !needed.has(needs)) expressions.push(...condition(needs))
    if (needs) needed.add(needs)
    expressions.push(...does)
    at = found.end
  }
  const verdict = matchAt(VERDICT, rule, at)
  if (!verdict) return undefined
  const [, kind, way, chain] = verdict
  const decides = kind
    ? { kind: kind as 'accept' | 'drop' | 'return' }
    : { kind: way as 'goto' | 'jump', chain: chain! }
  return [...expressions, { kind: 'verdict', verdict: decides }]
}

function nextMatch(rule: string, at: number): { readonly match: Match; readonly end: number } | undefined {
  for (const [pattern, read] of MATCHES) {
    const words = matchAt(pattern, rule, at)
    const match = words && read(words)
    if (match) return { match, end: at + words[0]!.length }
  }
  return undefined
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** As nft adds it: an address is read only where there is one, a port only of its protocol. */
function condition(needs: Ip | Protocol): readonly Expression[] {
  return needs === 'ip' || needs === 'ip6'
    ? [META_FAMILY, equal(Uint8Array.of(FAMILIES[needs]))]
    : [META_PROTOCOL, equal(Uint8Array.of(PROTOCOLS[needs]))]
}

function addressPair(ip: Ip, set: string): Match {
  const fields = [addressField(ip, 'saddr'), addressField(ip, 'daddr')] as const
  return { needs: ip, does: [load(fields[0]), load(fields[1], fields[0].length), { kind: 'lookup', set }] }
}

function namedPort(ip: Ip, set: string): Match {
  const address = addressField(ip, 'daddr')
  const protocol = { ...META_PROTOCOL, register: registerAt(address.length) }
  return {
    needs: ip,
    does: [load(address), protocol, load(PORT, address.length + 4), { kind: 'lookup', set }],
  }
}

function addressField(ip: Ip, side: 'saddr' | 'daddr'): Field {
  const length = ADDRESS_LENGTHS[ip]
  return {
    type: TYPE_NUMBERS[ip === 'ip' ? 'ipv4_addr' : 'ipv6_addr']!,
    ...{ header: 'network', offset: ADDRESS_OFFSETS[ip][side], length },
    read: (text) => {
      const bytes = readAddress(text)
      return bytes?.length === length ? bytes : undefined
    },
  }
}

/** @param at where in a concatenation */
function load({ header, offset, length }: Field, at = 0, some = length): Expression {
  return { kind: 'payload', header, offset, length: some, register: registerAt(at) }
}

function equal(value: Uint8Array): Expression {
  return { kind: 'compare', is: '==', value }
}

function compare(
  field: Field,
  list: string | undefined,
  one: string | undefined,
): readonly Expression[] | undefined {
  if (list !== undefined) {
    const set = setOf(field, list.split(', '))
    return set && [load(field), { kind: 'one-of', set }]
  }
  const span = readSpan(field, one ?? '')
  if (!span) return undefined
  const { first, last, prefix } = span
  // A prefix of whole bytes is compared by those.
  if (prefix !== undefined && prefix % 8 === 0)
    return [load(field, 0, prefix / 8), equal(first.subarray(0, prefix / 8))]
  if (prefix !== undefined)
    return [
      load(field),
      { kind: 'mask', mask: first.map((byte, index) => ~(byte ^ last[index]!)) },
      equal(first),
    ]
  return [
    load(field),
    { kind: 'compare', is: '>=', value: first },
    { kind: 'compare', is: '<=', value: last },
  ]
}
