/** Which of our source files imports which, and the circles among them. */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g

/** What the imports of a text name, as they stand there; those of types alone count, too. */
export function importsIn(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => (match[1] ?? match[2] ?? match[3])!)
}

/** Files to the files that they import, all by their paths from the top of the repository. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>

export function importGraph(files: readonly string[]): ImportGraph {
  const known = new Set(files)
  return new Map(
    files.map((file) => {
      const targets = importsIn(readFileSync(file, 'utf8')).map((target) => resolveImport(file, target))
      return [file, targets.filter((target) => known.has(target))]
    }),
  )
}

export function resolveImport(file: string, target: string): string {
  if (target.startsWith('.')) return normalize(join(dirname(file), target))
  return `packages/${target.replace('@podroute/', '')}`
}

/** Files that can be reached from themselves, in groups that reach each other (Tarjan 1972), each sorted. */
export function circlesOf(graph: ImportGraph): string[][] {
  const order = new Map<string, number>()
  const stack: string[] = []
  const circles: string[][] = []
  const visit = (file: string): number => {
    order.set(file, order.size)
    let low = order.get(file)!
    stack.push(file)
    for (const target of graph.get(file) ?? []) {
      if (!order.has(target)) low = Math.min(low, visit(target))
      else if (stack.includes(target)) low = Math.min(low, order.get(target)!)
    }
    if (low === order.get(file)) {
      const group = stack.splice(stack.indexOf(file))
      if (group.length > 1 || graph.get(file)?.includes(file)) circles.push(group.sort())
    }
    return low
  }
  for (const file of graph.keys()) if (!order.has(file)) visit(file)
  return circles
}
