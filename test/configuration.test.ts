/** The configuration is described once, in the schemas; what is made of them is as they are now. */
import { readFileSync } from 'node:fs'
import { loadConfig } from '@podroute/agent/config/load.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import { expect } from 'chai'
import { parse } from 'yaml'
import * as z from 'zod'
import { jsonSchema, madeFiles, REFERENCE } from '../deploy/chart.ts'
import { flat, type JsonSchema, optionsOf } from '../deploy/reference/options.ts'

const FLAGS = { configFile: 'config.yaml', overrides: [], nodeAddresses: ['172.30.0.11'] }
const load = (text: string) => loadConfig(FLAGS, FEATURES, (path) => (path === 'config.yaml' ? text : ''))
const OPTIONS = flat(optionsOf(jsonSchema()))
const REFERENCE_TEXT = readFileSync(REFERENCE, 'utf8')

/** Paths of options without a sentence or two that say what they do. */
function undescribed(schema: JsonSchema): string[] {
  const isGood = (text: string | undefined) => text !== undefined && /^[A-Za-z{].{5,240}\.$/.test(text)
  return flat(optionsOf(schema))
    .filter(({ description }) => !isGood(description))
    .map(({ path }) => path)
}

/** Objects that take keys which nobody knows. */
function openObjects(schema: JsonSchema, path = ''): string[] {
  const inside = [schema.items, ...(schema.anyOf ?? [])].filter((each) => each !== undefined)
  const own = schema.properties && schema.additionalProperties !== false ? [path] : []
  const properties = Object.entries(schema.properties ?? {})
  return [
    ...own,
    ...properties.flatMap(([name, each]) => openObjects(each, `${path}.${name}`)),
    ...inside.flatMap((each) => openObjects(each, path)),
  ]
}

/** Paths of all keys, `[]` for entries of lists. */
function pathsIn(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => pathsIn(each, `${path}[]`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = path === '' ? key : `${path}.${key}`
    return [at, ...pathsIn(inner, at)]
  })
}

describe('the configuration’s schema', () => {
  it('says of each option what it does', () => {
    expect(OPTIONS.length).to.be.above(150)
    expect(undescribed(jsonSchema())).to.deep.equal([])
  })

  it('would name one that it says nothing of, wherever it is', () => {
    const port = z.number().default(1)
    const entry = z.strictObject({ port, name: z.string().describe('The name of it.') })
    const object = z.strictObject({
      a: z.array(entry).default([]).describe('A list.'),
      b: z.union([z.literal('auto'), entry]).describe('A word or more.'),
    })
    expect(undescribed(z.toJSONSchema(object) as JsonSchema)).to.deep.equal(['a[].port', 'b.port'])
  })

  it('refuses keys that nobody knows, in every object', () => {
    expect(openObjects(jsonSchema())).to.deep.equal([])
    expect(openObjects({ properties: { a: { items: { properties: {} } } } })).to.deep.equal(['', '.a'])
  })
})

describe('what is made of the configuration’s schema', () => {
  it('is as the schema is now: node deploy/chart.ts', () => {
    const files = Object.entries(madeFiles())
    expect(files.map(([path]) => path)).to.include(REFERENCE)
    const stale = files.filter(([path, text]) => readFileSync(path, 'utf8') !== text).map(([path]) => path)
    expect(stale).to.deep.equal([])
  })

  it('has a reference that is the defaults', () => {
    expect(load(REFERENCE_TEXT)).to.deep.equal(load(''))
    expect(load(REFERENCE_TEXT.replace('asn: 64512', 'asn: 64513'))).to.not.deep.equal(load(''))
  })

  it('has every option in the reference, in a form that can be filled in', () => {
    const form = REFERENCE_TEXT.replaceAll(/^#= /gm, '').replaceAll(/: \{\}$/gm, ':')
    const doubled = parse(form, { uniqueKeys: false })
    const paths = new Set([...pathsIn(parse(REFERENCE_TEXT)), ...pathsIn(doubled)])
    expect(OPTIONS.map(({ path }) => path).filter((path) => !paths.has(path))).to.deep.equal([])
  })
})
