import { expect } from 'chai'
import { type LabelSelectorObject, matches, parseSelector } from './label-selector.ts'

const parse = (object: LabelSelectorObject | undefined) => {
  const problems: string[] = []
  return { selector: parseSelector(object, (reason) => problems.push(reason)), problems }
}
const chosen = (object: LabelSelectorObject | undefined, labels: Record<string, string>) =>
  matches(parse(object).selector, labels)
const expression = (key: string, operator: string, values?: readonly string[]) => ({
  matchExpressions: [{ key, operator, ...(values && { values }) }],
})

describe('label selector', () => {
  it('chooses everything when it asks for nothing', () => {
    for (const object of [undefined, {}, { matchLabels: {}, matchExpressions: [] }])
      expect(chosen(object, { app: 'web' })).to.equal(true)
  })

  it('asks for every label and every expression', () => {
    const object = { matchLabels: { app: 'web', tier: 'front' }, ...expression('canary', 'DoesNotExist') }
    expect(chosen(object, { app: 'web', tier: 'front', more: '' })).to.equal(true)
    expect(chosen(object, { app: 'web' })).to.equal(false)
    expect(chosen(object, { app: 'web', tier: 'front', canary: '' })).to.equal(false)
  })

  it('knows the four operators, also for a label that is missing or empty', () => {
    const table: [string, readonly string[] | undefined, boolean, boolean, boolean][] = [
      ['In', ['a', ''], true, true, false],
      ['NotIn', ['a'], false, true, true],
      ['Exists', undefined, true, true, false],
      ['DoesNotExist', undefined, false, false, true],
    ]
    for (const [operator, values, a, empty, missing] of table) {
      const object = expression('x', operator, values)
      expect([{ x: 'a' }, { x: '' }, {}].map((labels) => chosen(object, labels as never))).to.deep.equal([
        a,
        empty,
        missing,
      ])
    }
  })

  it('takes no name of an object of the language for a label', () => {
    expect(chosen(expression('constructor', 'Exists'), {})).to.equal(false)
  })

  it('is met by nobody and says so where it cannot be read', () => {
    const { selector, problems } = parse(expression('x', 'Near', ['a']))
    expect(matches(selector, { x: 'a' })).to.equal(false)
    expect(problems).to.deep.equal(['not a requirement: {"key":"x","operator":"Near","values":["a"]}'])
  })

  it('is the same text in whatever order it was written', () => {
    const one = parse({ matchLabels: { a: '1', b: '2' }, ...expression('c', 'In', ['y', 'x']) })
    const other = parse({ matchLabels: { b: '2', a: '1' }, ...expression('c', 'In', ['x', 'y']) })
    expect(one).to.deep.equal(other)
  })
})
