/** What our source files export, and who imports it. */
import { readFileSync } from 'node:fs'
import { resolveImport } from './import-graph.ts'

export interface Export {
  readonly file: string
  readonly name: string
  /** A constant, function or class; else a type, which may be exported because a signature names it. */
  readonly isValue: boolean
  /** Whether its own file names it once more. */
  readonly usedInFile: boolean
  readonly importers: readonly string[]
}

const DECLARED = /^export (?:abstract )?(?:async )?(class|function\*?|const|interface|type) ([\w$]+)/gm
const LISTED = /^export (type )?\{([^}]*)\}/gm
const IMPORTED = /(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s*from\s*'([^']+)'/g
const IMPORTED_WHOLE =
  /import\s+\*\s+as\s+\w+\s+from\s*'([^']+)'|export \* from '([^']+)'|import\('([^']+)'\)/g
/** Stands for all exports of a file. */
const ALL = '*'

/** @param files also those that only import */
export function exportsOf(files: readonly string[]): Export[] {
  const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]))
  const importers = new Map<string, string[]>()
  for (const [file, text] of texts)
    for (const [target, name] of namesImported(text)) {
      const key = `${resolveImport(file, target)} ${name}`
      importers.set(key, [...(importers.get(key) ?? []), file])
    }
  const importersOf = (file: string, name: string) => importers.get(`${file} ${name}`) ?? []
  return [...texts].flatMap(([file, text]) =>
    namesExported(text).map(({ name, isValue }) => ({
      ...{ file, name, isValue },
      usedInFile: timesNamed(text, name) > 1,
      importers: [...importersOf(file, name), ...importersOf(file, ALL)],
    })),
  )
}

function namesExported(text: string): { readonly name: string; readonly isValue: boolean }[] {
  const declared = Array.from(text.matchAll(DECLARED), ([, kind = '', name = '']) => ({
    name,
    isValue: !/^(interface|type)$/.test(kind),
  }))
  // What is passed on from another file counts as a type: whoever wants it can import it from there.
  const listed = Array.from(text.matchAll(LISTED)).flatMap(([, , list = '']) =>
    namesIn(list).map(([, as]) => ({ name: as, isValue: false })),
  )
  return [...declared, ...listed]
}

function* namesImported(text: string): Iterable<readonly [target: string, name: string]> {
  for (const [, list = '', target = ''] of text.matchAll(IMPORTED))
    for (const [name] of namesIn(list)) yield [target, name]
  for (const [, whole, passedOn, called] of text.matchAll(IMPORTED_WHOLE))
    yield [whole ?? passedOn ?? called ?? '', ALL]
}

/** Of `A, type B as C`: each name, and the one that it has afterwards. */
function namesIn(list: string): (readonly [name: string, as: string])[] {
  return list
    .split(',')
    .map((part) => part.trim().replace(/^type /, ''))
    .filter((part) => part !== '')
    .map((part) => part.split(' as '))
    .map(([name = '', as = name]) => [name, as] as const)
}

function timesNamed(text: string, name: string): number {
  return [...text.matchAll(new RegExp(`(?<![\\w$])${name.replace('$', '\\$')}(?![\\w$])`, 'g'))].length
}
