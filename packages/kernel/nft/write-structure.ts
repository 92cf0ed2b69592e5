/** Changes of sets, chains and rules from nft syntax to the kernel's: those that tables of policies make. Pure. */
import type { Expression } from '@podroute/linux/nft/expressions.ts'
import type { KeyType, StructureWrite } from '@podroute/linux/nft/structure-write.ts'
import type { StructureChange } from './api.ts'
import type { ElementType } from './definition.ts'
import { encodeRule } from './encode-rule.ts'
import { FIELD_LENGTHS, paddedLength, TYPE_NUMBERS } from './fields.ts'

/** Of a field in the number of several. */
const BITS_OF_TYPE = 6

/** Undefined where anything is left to nft, which says what is wrong with it. */
export function encodeStructure(changes: readonly StructureChange[]): readonly StructureWrite[] | undefined {
  const writes: StructureWrite[] = []
  // Chains of a cluster have many rules in common.
  const rules = new Map<string, readonly Expression[] | undefined>()
  for (const change of changes) {
    const write = encodeChange(change, rules)
    if (!write) return undefined
    writes.push(write)
  }
  return writes
}

function encodeChange(
  change: StructureChange,
  rules: Map<string, readonly Expression[] | undefined>,
): StructureWrite | undefined {
  if (change.kind === 'add-set') {
    const keys = keyType(change.type)
    return keys && { kind: 'add-set', set: change.set, keys }
  }
  if (change.kind !== 'add-rule') return change
  const rule = rules.has(change.rule) ? rules.get(change.rule) : encodeRule(change.rule)
  rules.set(change.rule, rule)
  return rule && { kind: 'add-rule', chain: change.chain, rule }
}

function keyType({ key, value, interval, timeout, dynamic }: ElementType): KeyType | undefined {
  if (value !== undefined || interval || timeout || dynamic) return undefined
  let type = 0
  for (const field of key) {
    const number = TYPE_NUMBERS[field]
    if (number === undefined) return undefined
    type = (type << BITS_OF_TYPE) | number
  }
  const [only] = key
  const length =
    key.length === 1 ? FIELD_LENGTHS[only!] : key.reduce((sum, field) => sum + paddedLength(field), 0)
  return { type, length, concatenated: key.length > 1 }
}
