/** What a feature's nftables table holds, declared: constant chains and sets, and elements that come and go. Pure. */

/** What a key or a value of an element is made of, by nft's names. */
export type ElementField = 'ipv4_addr' | 'ipv6_addr' | 'inet_proto' | 'inet_service' | 'mark'

export interface ElementType {
  readonly key: readonly ElementField[]
  /** Of maps. */
  readonly value?: readonly ElementField[] | 'verdict'
  /** The last field of a key may be a prefix. */
  readonly interval?: boolean
}

export interface NftChain {
  /** `type filter hook input priority filter; policy accept;`; without it only rules lead here. */
  readonly hook?: string
  readonly rules: readonly string[]
}

/** One table a feature, so that switching it off removes exactly its own. Sets and chains by their names. */
export interface NftTable {
  /** Of family inet. */
  readonly name: string
  readonly sets: Readonly<Record<string, ElementType>>
  readonly chains: Readonly<Record<string, NftChain>>
}

/** One transaction that makes table, sets and chains what they should be; elements stay. Run again it changes nothing. */
export function tableScript(table: NftTable): string {
  const at = `inet ${table.name}`
  const sets = Object.entries(table.sets).map(
    ([name, type]) => `add ${setKind(type)} ${at} ${name} { ${setType(type)} }`,
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

/** Of elements with a value nft makes maps. */
export function setKind({ value }: ElementType): 'set' | 'map' {
  return value === undefined ? 'set' : 'map'
}

/** Type of the elements in nft syntax. */
function setType({ key, value, interval }: ElementType): string {
  const values = value === undefined ? '' : ` : ${value === 'verdict' ? value : value.join(' . ')}`
  return `type ${key.join(' . ')}${values};${interval ? ' flags interval;' : ''}`
}
