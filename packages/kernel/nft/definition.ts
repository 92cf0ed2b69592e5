/** What a feature's nftables table holds, declared: constant chains and sets, and elements that come and go. Pure. */

/** What a key or a value of an element is made of, by nft's names. */
export type ElementField =
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'inet_proto'
  | 'inet_service'
  | 'mark'
  | 'iface_index'
  | 'ether_addr'
  | 'nd_target'

export interface ElementType {
  readonly key: readonly ElementField[]
  /** Of maps. */
  readonly value?: readonly ElementField[] | 'verdict'
  /** The last field of a key may be a prefix. */
  readonly interval?: boolean
  /** Elements may end by themselves. */
  readonly timeout?: boolean
  /** Rules add elements. */
  readonly dynamic?: boolean
}

export interface NftChain {
  /** `type filter hook input priority filter; policy accept;`; without it only rules lead here. */
  readonly hook?: string
  readonly rules: readonly string[]
}

/** One table a feature, so that switching it off removes exactly its own. Sets and chains by their names. */
export interface NftTable {
  /** `bridge podroute-ports`; a name alone is of family inet. */
  readonly name: string
  readonly sets: Readonly<Record<string, ElementType>>
  readonly chains: Readonly<Record<string, NftChain>>
}

/** One transaction that makes table, sets and chains what they should be; elements stay. Run again it changes nothing. */
export function tableScript(table: NftTable): string {
  const at = tableAt(table.name)
  const sets = Object.entries(table.sets).map(
    ([name, type]) => `add ${setKind(type)} ${at} ${name} { ${setTypeLines(type).join('; ')}; }`,
  )
  const chains = Object.entries(table.chains).flatMap(([name, { hook }]) => [
    `add chain ${at} ${name}${hook ? ` { ${hook} }` : ''}`,
    `flush chain ${at} ${name}`,
  ])
  // Behind all chains: a rule may lead to any of them.
  const rules = Object.entries(table.chains).flatMap(([name, chain]) =>
    chain.rules.map((rule) => `add rule ${at} ${name} ${rule}`),
  )
  return `${[`add table ${at}`, ...sets, ...chains, ...rules].join('\n')}\n`
}

/** Family and name of a table, as commands want it. @param name `bridge podroute-ports`; a name alone is of family inet */
export function tableAt(name: string): string {
  return name.includes(' ') ? name : `inet ${name}`
}

/** Of elements with a value nft makes maps. */
function setKind({ value }: ElementType): 'set' | 'map' {
  return value === undefined ? 'set' : 'map'
}

/** The target of a neighbour solicitation or advertisement: nft before 1.0.8 has no name for it, so that its sets are declared by expressions. */
export const ND_TARGET = '@th,64,128'
const EXPRESSIONS: Partial<Record<ElementField, string>> = { nd_target: ND_TARGET, iface_index: 'iif' }

/** What a set's declaration says of its elements, as nft lists it. */
export function setTypeLines({ key, value, interval, timeout, dynamic }: ElementType): readonly string[] {
  const values = value === undefined ? '' : ` : ${value === 'verdict' ? value : value.join(' . ')}`
  const raw = key.includes('nd_target')
  const fields = raw ? key.map((field) => EXPRESSIONS[field] ?? field) : key
  const type = `${raw ? 'typeof' : 'type'} ${fields.join(' . ')}${values}`
  const named = { interval, dynamic, timeout }
  const flags = Object.keys(named).filter((name) => named[name as keyof typeof named])
  return [type, ...(flags.length > 0 ? [`flags ${flags.join(',')}`] : [])]
}
