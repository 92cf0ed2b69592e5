/**
 * What nftables does to the first packet of a connection, by the table's own text: enough of nft's language for our rules, and an error for
 * all else.
 */
import { parseAddress } from '@podroute/address/address.ts'
import { containsAddress, parseCidr } from '@podroute/address/cidr.ts'
import type { FakeTable } from '@podroute/kernel/testing/fake-nft.ts'

export interface TestPacket {
  readonly source: string
  readonly destination: string
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly port: number
}

type Verdict = 'accept' | 'drop' | 'return'

const NUMBERS = { tcp: '6', udp: '17', sctp: '132' } as const

/** Whether the packet goes through. */
export function passes(table: FakeTable | undefined, packet: TestPacket): boolean {
  return !table || run(table, 'judge', packet) !== 'drop'
}

/** Whether a packet of a pod to its own node is delivered. */
export function isDelivered(table: FakeTable | undefined, packet: TestPacket): boolean {
  return !table?.chains.has('judge-node') || run(table, 'judge-node', packet) !== 'drop'
}

function run(table: FakeTable, chain: string, packet: TestPacket): Verdict {
  const rules = table.chains.get(chain)?.rules
  if (!rules) throw new Error(`no chain ${chain}`)
  for (const rule of rules) {
    const verdict = stepOf(rule)(table, packet)
    if (verdict === 'accept' || verdict === 'drop') return verdict
    if (verdict === 'return') return 'return'
  }
  return 'return'
}

/** Undefined: the next rule. */
type Step = (table: FakeTable, packet: TestPacket) => Verdict | undefined

/** The same rules are asked very often. */
const steps = new Map<string, Step>()

function stepOf(rule: string): Step {
  const known = steps.get(rule)
  if (known) return known
  const step = parseRule(rule)
  steps.set(rule, step)
  return step
}

function parseRule(rule: string): Step {
  // A first packet of a pod, TCP, UDP or SCTP.
  if (
    /^(ct state|icmpv6 type|fib saddr type local) | @ended-[46] drop$|^meta l4proto @ended-protocols /.test(
      rule,
    )
  )
    return () => undefined
  const jump = /^jump (\S+)$/.exec(rule)
  if (jump) return (table, packet) => passing(run(table, jump[1]!, packet))
  // Counted and logged.
  if (/^add @|^limit rate .* log /.test(rule)) return () => undefined
  const away = /^goto (\S+)$/.exec(rule)
  if (away) return (table, packet) => run(table, away[1]!, packet)
  const map = /^(.+) vmap @(\S+)$/.exec(rule)
  if (map) return (table, packet) => leads(table, map[2]!, keyOf(map[1]!, packet), packet)
  const [, text = '', verdict] = /^(.*?)\s?(accept|drop|return|goto \S+)$/.exec(rule) ?? []
  if (verdict === undefined) throw new Error(`not understood: ${rule}`)
  const conditions = conditionsOf(text).map(parseCondition)
  const chain = /^goto (.+)$/.exec(verdict)?.[1]
  return (table, packet) => {
    if (!conditions.every((holds) => holds(table, packet))) return undefined
    return chain === undefined ? (verdict as Verdict) : run(table, chain, packet)
  }
}

function leads(
  table: FakeTable,
  map: string,
  key: string | undefined,
  packet: TestPacket,
): Verdict | undefined {
  const prefix = `${key} : goto `
  const element = [...(table.sets.get(map)?.elements ?? [])].find((text) => text.startsWith(prefix))
  return key !== undefined && element ? run(table, element.slice(prefix.length), packet) : undefined
}

function passing(verdict: Verdict): Verdict | undefined {
  return verdict === 'return' ? undefined : verdict
}

const CONDITION =
  /(?:ip6? [sd]addr(?: \. (?:ip6? daddr|meta l4proto \. th dport))?|(?:tcp|udp|sctp) dport|meta l4proto) (?:@\S+|\{ [^}]* \}|\S+)\s?/y

function conditionsOf(text: string): string[] {
  const found: string[] = []
  CONDITION.lastIndex = 0
  while (CONDITION.lastIndex < text.length) {
    const match = CONDITION.exec(text)
    if (!match) throw new Error(`not understood: ${text}`)
    found.push(match[0].trim())
  }
  return found
}

type Condition = (table: FakeTable, packet: TestPacket) => boolean

function parseCondition(condition: string): Condition {
  const set = /^(.+) @(\S+)$/.exec(condition)
  if (set) return (table, packet) => isElement(table, set[2]!, keyOf(set[1]!, packet))
  const transport = /^(tcp|udp|sctp) dport (.+)$/.exec(condition)
  if (transport) {
    const values = valuesOf(transport[2]!)
    return (_, { protocol, port }) => transport[1] === protocol && values.some((text) => isPort(text, port))
  }
  const number = /^meta l4proto (\d+)$/.exec(condition)
  if (number) return (_, { protocol }) => number[1] === NUMBERS[protocol]
  const address = /^(ip6? [sd]addr) (.+)$/.exec(condition)
  if (!address) throw new Error(`not understood: ${condition}`)
  const values = valuesOf(address[2]!)
  return (_, packet) => {
    const own = keyOf(address[1]!, packet)
    return own !== undefined && values.some((text) => isAddressIn(text, own))
  }
}

function isElement(table: FakeTable, set: string, key: string | undefined): boolean {
  const elements = table.sets.get(set)?.elements
  if (!elements) throw new Error(`no set ${set}`)
  return key !== undefined && elements.has(key)
}

function valuesOf(text: string): string[] {
  return text.startsWith('{ ') ? text.slice(2, -2).split(', ') : [text]
}

function isPort(text: string, port: number): boolean {
  const [first, last = first] = text.split('-').map(Number)
  return port >= first! && port <= last!
}

function isAddressIn(text: string, address: string): boolean {
  const prefix = text.includes('/') ? parseCidr(text) : undefined
  if (prefix) return containsAddress(prefix, address)
  const [first = '', last = first] = text.split('-')
  const order = (other: string) => Buffer.compare(parseAddress(address), parseAddress(other))
  return first.includes(':') === address.includes(':') && order(first) >= 0 && order(last) <= 0
}

/** Undefined where the packet is of the other family. */
function keyOf(expression: string, packet: TestPacket): string | undefined {
  if (expression.startsWith('ip6 ') !== packet.source.includes(':')) return undefined
  const fields = fieldsOf(expression)
  return fields.length === 1 ? fields[0]!(packet) : fields.map((field) => field(packet)).join(' . ')
}

type Field = (packet: TestPacket) => string

const FIELDS: Readonly<Record<string, Field>> = {
  saddr: ({ source }) => source,
  daddr: ({ destination }) => destination,
  l4proto: ({ protocol }) => protocol,
  dport: ({ port }) => String(port),
}

const expressions = new Map<string, readonly Field[]>()

function fieldsOf(expression: string): readonly Field[] {
  const known = expressions.get(expression)
  if (known) return known
  const fields = expression.split(' . ').map((text) => {
    const field = FIELDS[text.split(' ')[1] ?? '']
    if (!field) throw new Error(`not understood: ${text}`)
    return field
  })
  expressions.set(expression, fields)
  return fields
}
