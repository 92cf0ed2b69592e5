/** Label selectors of meta/v1: read, and asked whether they match. Pure. */
import { exact, listOf, shown } from './fields.ts'

export type Labels = Readonly<Record<string, string>>

/** metav1.LabelSelector. Every field may be missing or wrong. */
export interface LabelSelectorObject {
  readonly matchLabels?: Labels
  readonly matchExpressions?: readonly {
    readonly key?: string
    readonly operator?: string
    readonly values?: readonly string[]
  }[]
}

/** `in` and `not-in` with the values; sorted, so that equal selectors are equal texts. */
export type Requirement =
  | { readonly kind: 'in' | 'not-in'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'exists' | 'absent'; readonly key: string }
  /** What it says is not known: nothing meets it. */
  | { readonly kind: 'unknown' }

/** All requirements must be met: none is met by everything. */
export type LabelSelector = readonly Requirement[]

const KINDS: Readonly<Record<string, Requirement['kind']>> = {
  In: 'in',
  NotIn: 'not-in',
  Exists: 'exists',
  DoesNotExist: 'absent',
}

/** @param report is told of each requirement that is not known */
export function parseSelector(
  object: LabelSelectorObject | undefined,
  report: (reason: string) => void,
): LabelSelector {
  const labels = Object.entries(object?.matchLabels ?? {}).map(
    ([key, value]): Requirement => ({ kind: 'in', key, values: [String(value)] }),
  )
  const expressions = listOf(object?.matchExpressions).map((expression): Requirement => {
    const { key, operator } = expression
    const kind = KINDS[operator ?? '']
    if (typeof key !== 'string' || kind === undefined) {
      report(`not a requirement: ${shown(expression)}`)
      return { kind: 'unknown' }
    }
    if (kind === 'in' || kind === 'not-in')
      return { kind, key, values: exact(listOf(expression.values).map(String).sort()) }
    return { kind, key } as Requirement
  })
  return exact([...labels, ...expressions].sort(byText))
}

export function matches(selector: LabelSelector, labels: Labels): boolean {
  return selector.every((requirement) => isMet(requirement, labels))
}

function isMet(requirement: Requirement, labels: Labels): boolean {
  if (requirement.kind === 'unknown') return false
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined
  switch (requirement.kind) {
    case 'in':
      return value !== undefined && requirement.values.includes(value)
    case 'not-in':
      return value === undefined || !requirement.values.includes(value)
    case 'exists':
      return value !== undefined
    case 'absent':
      return value === undefined
  }
}

function byText(a: Requirement, b: Requirement): number {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)]
  return x < y ? -1 : Number(x > y)
}
