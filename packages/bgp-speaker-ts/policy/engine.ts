// Evaluates a policy and caches its verdicts by attribute set: attributes are matched and changed once for each distinct set.
import type { Family } from '../config.ts'
import { encodeCanonical, ORIGINS, type PathAttributes } from '../packet/attributes.ts'
import type { AttributeSummary, AttributeTable } from '../rib/attribute-table.ts'
import type { PrefixTable } from '../rib/prefix-table.ts'
import type { Source } from '../rib/source.ts'
import { applyActions } from './actions.ts'
import { AttributeCondition, PrefixCondition } from './matcher.ts'
import type { Actions, Policy, Rule } from './policy.ts'
import { ResidueCache } from './residue-cache.ts'

interface CompiledRule {
  readonly name: string
  /** undefined: matches all attributes and sources. */
  readonly attributes: AttributeCondition | undefined
  readonly prefixes: PrefixCondition | undefined
  readonly actions: Actions | undefined
  readonly verdict: 'accept' | 'reject' | 'next'
  /** The outcome when this rule is the first to decide. */
  readonly outcome: Outcome
}

/** The part of a policy that is left for attribute sets of one family which match the same rules: those rules, up to the first that decides for every prefix. Many attribute sets share few residues. */
interface Residue {
  readonly rules: readonly CompiledRule[]
  /** The verdict for all prefixes; set when no rule looks at the prefix. */
  readonly outcome: Outcome | undefined
  /** The residue by prefix length; set when rules look at the prefix. Thousands of peers may have a policy each: what is empty is not made. */
  byLength: Map<number, Residue> | undefined
  /** Attribute ids after actions, by the indices of the applied rules, then by the id before. */
  results: Map<string, Map<number, number>> | undefined
}

interface Outcome {
  readonly verdict: 'accept' | 'reject'
  readonly reason: string
  /** Indices of the residue's rules that have actions. */
  readonly applied: readonly number[]
}

/** A tree of residues: each step is a rule that matches. */
interface Branch {
  readonly path: readonly number[]
  residue: Residue | undefined
  /** Children by the index of the rule. */
  next: Map<number, Branch> | undefined
}

export const REJECTED = -1
const NONE: readonly number[] = []

export class PolicyEngine {
  readonly policy: Policy
  /** Why the last evaluation rejected: a rule's name, or `otherwise`. */
  reason = ''
  /** Rules that may match, by family, once there is a path of it. */
  readonly #rules: Partial<Record<Family, readonly CompiledRule[]>> = {}
  readonly #attributes: AttributeTable
  readonly #bySource: boolean
  readonly #cache = new ResidueCache<Residue>()
  readonly #otherwise: Outcome
  /** Trees of residues by family. */
  #residues: Partial<Record<Family, Branch>> = {}

  constructor(policy: Policy, attributes: AttributeTable) {
    this.policy = policy
    this.#attributes = attributes
    this.#otherwise = outcomeOf(policy.otherwise, 'otherwise')
    this.#bySource = policy.rules.some(
      ({ match }) => match?.neighbours !== undefined || match?.sources !== undefined,
    )
  }

  /** Returns the attribute id after the policy, or REJECTED. */
  evaluate(attribute: number, source: Source, family: Family, table: PrefixTable, prefix: number): number {
    let residue = this.#residue(attribute, source, family)
    if (residue.outcome === undefined) {
      const length = table.length[prefix]!
      residue = residue.byLength?.get(length) ?? this.#narrow(residue, length)
    }
    const { verdict, reason, applied } = residue.outcome ?? this.#walk(residue.rules, table, prefix)
    this.reason = reason
    if (verdict === 'reject') return REJECTED
    return applied.length === 0 ? attribute : this.#apply(residue, attribute, applied, family)
  }

  /** Attribute ids were freed: clears the caches by id. */
  forget(): void {
    this.#cache.clear()
    this.#residues = {}
  }

  #residue(attribute: number, source: Source, family: Family): Residue {
    const index = this.#bySource ? source.index : 0
    const cached = this.#cache.get(attribute, family, index)
    if (cached !== undefined) return cached
    const residue = this.#reduce(attribute, source, family)
    this.#cache.set(attribute, family, index, residue)
    return residue
  }

  #reduce(attribute: number, source: Source, family: Family): Residue {
    const rules = this.#rulesOf(family)
    this.#residues[family] ??= { path: NONE, residue: undefined, next: undefined }
    let branch: Branch = this.#residues[family]
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!
      if (rule.attributes?.matches(this.#attributes, attribute, source) === false) continue
      branch = branch.next?.get(i) ?? grow(branch, i)
      if (rule.prefixes === undefined && rule.verdict !== 'next') break
    }
    branch.residue ??= this.#makeResidue(branch.path.map((i) => rules[i]!))
    return branch.residue
  }

  #rulesOf(family: Family): readonly CompiledRule[] {
    // A copy has no room for more, as what flatMap makes has.
    this.#rules[family] ??= this.policy.rules.flatMap((rule) => compile(rule, family)).slice()
    return this.#rules[family]
  }

  #makeResidue(rules: readonly CompiledRule[]): Residue {
    const same = rules.every((rule) => rule.prefixes === undefined)
    return { rules, outcome: same ? this.#walk(rules) : undefined, byLength: undefined, results: undefined }
  }

  /** Returns the residue without the rules that match no prefix of that length. */
  #narrow(residue: Residue, length: number): Residue {
    const rules = residue.rules.filter(({ prefixes }) => prefixes === undefined || prefixes.hasLength(length))
    const narrow = this.#makeResidue(rules)
    residue.byLength ??= new Map()
    residue.byLength.set(length, narrow)
    return narrow
  }

  /** Evaluates the residue's rules for one prefix; without a table every rule matches. */
  #walk(rules: readonly CompiledRule[], table?: PrefixTable, prefix = 0): Outcome {
    let applied: readonly number[] | undefined
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!
      if (table !== undefined && rule.prefixes !== undefined && !rule.prefixes.matches(table, prefix))
        continue
      if (rule.actions !== undefined) applied = applied === undefined ? [i] : [...applied, i]
      if (rule.verdict === 'next') continue
      return applied === undefined ? rule.outcome : { ...rule.outcome, applied }
    }
    return applied === undefined ? this.#otherwise : { ...this.#otherwise, applied }
  }

  #apply(residue: Residue, attribute: number, applied: readonly number[], family: Family): number {
    const key = applied.join()
    residue.results ??= new Map()
    let results = residue.results.get(key)
    if (results === undefined) {
      results = new Map()
      residue.results.set(key, results)
    }
    const known = results.get(attribute)
    if (known !== undefined) return known
    let attributes = this.#attributes.decode(attribute)
    for (const i of applied) attributes = applyActions(attributes, residue.rules[i]!.actions!, family)
    const result = internAttributes(this.#attributes, attributes)
    results.set(attribute, result)
    return result
  }
}

function outcomeOf(verdict: 'accept' | 'reject', name: string): Outcome {
  return { verdict, reason: verdict === 'reject' ? name : '', applied: NONE }
}

function grow(branch: Branch, rule: number): Branch {
  const grown: Branch = { path: [...branch.path, rule], residue: undefined, next: undefined }
  branch.next ??= new Map()
  branch.next.set(rule, grown)
  return grown
}

/** Compiles a rule for a family; empty when it matches no path of that family. */
function compile({ name, match = {}, set, verdict }: Rule, family: Family): CompiledRule[] {
  if (match.families?.includes(family) === false) return []
  const prefixes = match.prefixes && PrefixCondition.of(match.prefixes, family)
  if (match.prefixes !== undefined && prefixes === undefined) return []
  const attributes = new AttributeCondition(match)
  return [
    {
      name,
      attributes: attributes.always ? undefined : attributes,
      prefixes,
      actions: set,
      verdict,
      outcome: outcomeOf(verdict === 'reject' ? 'reject' : 'accept', name),
    },
  ]
}

/** Interns attributes given as an object. @throws BgpError when they cannot be encoded. */
export function internAttributes(table: AttributeTable, attributes: PathAttributes): number {
  const bytes = encodeCanonical(attributes)
  return table.intern(bytes, bytes.length, summarize(attributes))
}

function summarize({
  origin,
  med,
  localPref,
  originatorId,
  clusterList,
  asPath = [],
}: PathAttributes): AttributeSummary {
  const length = asPath.reduce(
    (sum, { kind, asns }) => sum + (kind === 'sequence' ? asns.length : kind === 'set' ? 1 : 0),
    0,
  )
  const first = asPath.find(({ kind }) => kind === 'sequence' || kind === 'set')
  return {
    origin: ORIGINS.indexOf(origin ?? 'incomplete'),
    med: med ?? -1,
    localPref: localPref ?? -1,
    originatorId: originatorId ?? 0,
    clusters: clusterList?.length ?? 0,
    asPath: { length, neighbour: first?.kind === 'sequence' ? first.asns[0]! : 0 },
  }
}
